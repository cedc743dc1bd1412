//! `storectl schemas push`: registers every schema under its record's name and fixes the compatibility level of each subject.

use std::time::Duration;

use events::CATALOGUE;
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// What may follow what: every version reads every other, older or newer.
pub(super) const LEVEL: &str = "FULL_TRANSITIVE";
const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A subject as it now is in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Full name of the record.
    pub subject: String,
    /// The registry's id of the schema of this build.
    pub id: u32,
}

/// The registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No usable client.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// No answer.
    #[error("cannot reach the registry at {url}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// An answer that says no.
    #[error("the registry refuses {url}: {status} {text}")]
    Refused {
        /// What was asked.
        url: String,
        /// Its answer.
        status: StatusCode,
        /// Its words.
        text: String,
    },
    /// An answer that is not the registry's.
    #[error(
        "the answer to {url} is not one of a schema registry: {text}; give the address of its Confluent-compatible API"
    )]
    Strange {
        /// What was asked.
        url: String,
        /// The answer.
        text: String,
    },
    /// The level was set and is another one.
    #[error("the registry keeps {subject} at the compatibility {found} instead of {LEVEL}")]
    Level {
        /// The subject.
        subject: String,
        /// What it says.
        found: String,
    },
}

#[derive(Deserialize)]
struct Registered {
    id: u32,
}

#[derive(Deserialize)]
pub(super) struct Level {
    #[serde(rename = "compatibilityLevel", alias = "compatibility")]
    pub(super) level: String,
}

/// Registers every schema of this build; run again, it changes nothing.
pub async fn push(registry_url: &str) -> Result<Vec<Pushed>, PushError> {
    let registry = Registry::at(registry_url)?;
    let mut pushed = Vec::with_capacity(CATALOGUE.len());
    for record in CATALOGUE {
        pushed.push(registry.push(record).await?);
    }
    Ok(pushed)
}

pub(super) struct Registry {
    client: Client,
    pub(super) url: String,
}

impl Registry {
    pub(super) fn at(url: &str) -> Result<Self, PushError> {
        let client = Client::builder().timeout(ANSWER_WITHIN).build().map_err(PushError::Client)?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }

    /// Level before schema: from its second version on, a subject is never without its rule.
    async fn push(&self, record: &events::Record) -> Result<Pushed, PushError> {
        let subject = record.name;
        let versions = format!("{}/subjects/{subject}/versions", self.url);
        let config = format!("{}/config/{subject}", self.url);
        let level = json!({"compatibility": LEVEL});
        let schema = json!({"schemaType": "AVRO", "schema": record.schema_text});
        // Some registries know a subject's level only once the subject is there.
        let is_set = self.put(&config, &level).await.is_ok();
        let Registered { id } = self.answer(&versions, self.post(&versions, &schema).await?).await?;
        if !is_set {
            self.put(&config, &level).await?;
        }
        let Level { level } = self.answer(&config, self.get(&config).await?).await?;
        if level == LEVEL {
            Ok(Pushed { subject: subject.to_owned(), id })
        } else {
            Err(PushError::Level { subject: subject.to_owned(), found: level })
        }
    }

    async fn put(&self, url: &str, body: &Json) -> Result<(), PushError> {
        let answer =
            self.send(url, self.client.put(url).header("content-type", CONTENT_TYPE).json(body)).await?;
        self.answer::<Json>(url, answer).await.map(drop)
    }

    pub(super) async fn post(&self, url: &str, body: &Json) -> Result<Response, PushError> {
        self.send(url, self.client.post(url).header("content-type", CONTENT_TYPE).json(body)).await
    }

    pub(super) async fn get(&self, url: &str) -> Result<Response, PushError> {
        self.send(url, self.client.get(url)).await
    }

    async fn send(&self, url: &str, request: reqwest::RequestBuilder) -> Result<Response, PushError> {
        request.send().await.map_err(|source| PushError::Unreachable { url: url.to_owned(), source })
    }

    pub(super) async fn answer<T: serde::de::DeserializeOwned>(
        &self,
        url: &str,
        response: Response,
    ) -> Result<T, PushError> {
        let status = response.status();
        let text =
            response.text().await.map_err(|source| PushError::Unreachable { url: url.to_owned(), source })?;
        if !status.is_success() {
            return Err(PushError::Refused { url: url.to_owned(), status, text });
        }
        serde_json::from_str(&text).map_err(|_| PushError::Strange { url: url.to_owned(), text })
    }
}
