//! The schema registry: fetches writers' schemas by id, looks up the id of a schema of ours. Never registers anything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use schema_registry_converter::async_impl::schema_registry::{SrSettings, get_schema_by_id};
use serde::Deserialize;
use serde_json::json;

use crate::core::writer::Writer;

/// The registry did not give what was asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RegistryError {
    /// Its own "no such schema" (40403), twice.
    #[error("the registry has no schema {0}")]
    UnknownId(u32),
    /// It has one, but not a record in Avro.
    #[error("schema {id} is not an Avro record: {reason}")]
    NotARecord {
        /// The id.
        id: u32,
        /// What is wrong.
        reason: String,
    },
    /// The subject has no version with exactly this schema.
    #[error("{0} is not registered in this version: run `storectl schemas push`")]
    NotRegistered(String),
    /// Anything else: an outage.
    #[error("the registry does not answer: {0}")]
    Away(String),
}

/// Only what was found is cached: an error is asked again.
pub struct Registry {
    url: String,
    http: reqwest::Client,
    fetching: SrSettings,
    writers: Mutex<HashMap<u32, Arc<Writer>>>,
    ids: Mutex<HashMap<Vec<u8>, u32>>,
    /// One lookup at a time, and the last failure answers for a moment: thousands of rows may wait for the same schema.
    looking_up: tokio::sync::Mutex<HashMap<Vec<u8>, (Instant, RegistryError)>>,
}

#[derive(Deserialize)]
struct Found {
    id: u32,
}

#[derive(Deserialize)]
struct Refusal {
    error_code: u32,
}

const TIMEOUT: Duration = Duration::from_secs(5);
/// A failed lookup answers for those that wait for the same.
const FAILURE_KEPT: Duration = Duration::from_millis(40);
const NO_SUCH_SCHEMA: u32 = 40_403;

impl Registry {
    /// A client of the Confluent-compatible API at `url`.
    pub fn new(url: &str) -> Result<Self, reqwest::Error> {
        let http =
            reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(Duration::from_secs(2)).build()?;
        let fetching = SrSettings::new(url.to_owned());
        Ok(Self {
            url: url.to_owned(),
            http,
            fetching,
            writers: Mutex::default(),
            ids: Mutex::default(),
            looking_up: tokio::sync::Mutex::default(),
        })
    }

    /// The schema a record was written with.
    pub async fn writer(&self, id: u32) -> Result<Arc<Writer>, RegistryError> {
        if let Some(writer) = self.writers.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(writer.clone());
        }
        let found = tokio::time::timeout(TIMEOUT, get_schema_by_id(id, &self.fetching)).await;
        let text = match found {
            Ok(Ok(found)) => found.schema,
            // The crate does not tell an unknown id from an outage: ask for the reason ourselves.
            Ok(Err(_)) => return Err(self.why_not(id).await),
            Err(_) => return Err(RegistryError::Away("time-out".into())),
        };
        let writer = Writer::parse(&text).map_err(|reason| RegistryError::NotARecord { id, reason })?;
        let writer = Arc::new(writer);
        self.writers.lock().unwrap_or_else(PoisonError::into_inner).insert(id, writer.clone());
        Ok(writer)
    }

    async fn why_not(&self, id: u32) -> RegistryError {
        let asked = async {
            let answer = self.http.get(format!("{}/schemas/ids/{id}", self.url)).send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.json::<Refusal>().await.ok()))
        };
        match asked.await {
            Ok((_, Some(Refusal { error_code: NO_SUCH_SCHEMA }))) => RegistryError::UnknownId(id),
            Ok((status, _)) => RegistryError::Away(format!("status {status}")),
            Err(error) => RegistryError::Away(error.without_url().to_string()),
        }
    }

    /// The id of exactly this schema in its subject. Neither registers nor takes "latest".
    pub async fn id_of(&self, record: &str, fingerprint: &[u8], text: &str) -> Result<u32, RegistryError> {
        let mut failed = self.looking_up.lock().await;
        if let Some(id) = self.known_id(fingerprint) {
            return Ok(id);
        }
        if let Some((at, error)) = failed.get(fingerprint)
            && at.elapsed() < FAILURE_KEPT
        {
            return Err(error.clone());
        }
        let found = self.look_up(record, text).await;
        match &found {
            Ok(id) => drop(
                self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(fingerprint.to_vec(), *id),
            ),
            Err(error) => drop(failed.insert(fingerprint.to_vec(), (Instant::now(), error.clone()))),
        }
        found
    }

    /// An id that was found before.
    pub fn known_id(&self, fingerprint: &[u8]) -> Option<u32> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).get(fingerprint).copied()
    }

    async fn look_up(&self, record: &str, text: &str) -> Result<u32, RegistryError> {
        let answer = self
            .http
            .post(format!("{}/subjects/{record}", self.url))
            .json(&json!({ "schema": text }))
            .send()
            .await
            .map_err(|error| RegistryError::Away(error.without_url().to_string()))?;
        let status = answer.status();
        if status.is_success() {
            let found: Found =
                answer.json().await.map_err(|error| RegistryError::Away(error.without_url().to_string()))?;
            return Ok(found.id);
        }
        let refusal: Option<Refusal> = answer.json().await.ok();
        match refusal {
            // 40401: no such subject; 40403: not in this subject.
            Some(Refusal { error_code: 40_401 | NO_SUCH_SCHEMA }) => {
                Err(RegistryError::NotRegistered(record.to_owned()))
            }
            _ => Err(RegistryError::Away(format!("status {status}"))),
        }
    }

    /// Asks for a sign of life.
    pub async fn answers(&self) -> Result<(), RegistryError> {
        let asked = self.http.get(format!("{}/config", self.url)).send().await;
        match asked.and_then(reqwest::Response::error_for_status) {
            Ok(_) => Ok(()),
            Err(error) => Err(RegistryError::Away(error.without_url().to_string())),
        }
    }

    /// Where an id is found (`ce_dataschema`).
    pub fn address_of(&self, id: u32) -> String {
        format!("{}/schemas/ids/{id}", self.url)
    }
}
