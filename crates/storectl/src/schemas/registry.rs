//! The registry's Confluent-compatible API, as far as `storectl schemas` needs it.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

/// The rule of every subject: each version reads each other, in both directions.
pub(crate) const LEVEL: &str = "FULL_TRANSITIVE";
const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
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

/// A version of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Version {
    /// Its number in the registry, which is not that of a release.
    pub version: u32,
    /// The id that stands before every record written with it.
    pub id: u32,
    /// The schema, as it was registered.
    #[serde(rename = "schema")]
    pub text: String,
}

#[derive(Deserialize)]
struct Registered {
    id: u32,
}

#[derive(Deserialize)]
struct Level {
    #[serde(rename = "compatibilityLevel")]
    level: String,
}

#[derive(Deserialize)]
struct Compatible {
    is_compatible: bool,
    #[serde(default)]
    messages: Vec<Json>,
}

pub(crate) struct Registry {
    client: Client,
    url: String,
}

impl Registry {
    pub(crate) fn at(url: &str) -> Result<Self, RegistryError> {
        let client = Client::builder().timeout(ANSWER_WITHIN).build().map_err(RegistryError::Client)?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }

    /// Registers a schema, or finds the one that is there: its id.
    pub(crate) async fn register(&self, subject: &str, text: &str) -> Result<u32, RegistryError> {
        let url = self.versions_of(subject);
        let body = json!({"schemaType": "AVRO", "schema": text});
        let Registered { id } = self.answer(&url, self.post(&url, &body).await?).await?;
        Ok(id)
    }

    pub(crate) async fn set_level(&self, subject: &str) -> Result<(), RegistryError> {
        let url = self.config_of(subject);
        let put = self.client.put(&url).header("content-type", CONTENT_TYPE);
        let answer = self.send(&url, put.json(&json!({"compatibility": LEVEL}))).await?;
        self.answer::<Json>(&url, answer).await.map(drop)
    }

    /// `None` when the subject has none of its own.
    pub(crate) async fn level(&self, subject: &str) -> Result<Option<String>, RegistryError> {
        let found: Option<Level> = self.get(&self.config_of(subject)).await?;
        Ok(found.map(|found| found.level))
    }

    /// All there are, of this store and others.
    pub(crate) async fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        Ok(self.get(&format!("{}/subjects", self.url)).await?.unwrap_or_default())
    }

    /// Oldest first; none for a subject that is not there.
    pub(crate) async fn versions(&self, subject: &str) -> Result<Vec<Version>, RegistryError> {
        let url = self.versions_of(subject);
        let numbers: Vec<u32> = self.get(&url).await?.unwrap_or_default();
        let mut versions = Vec::with_capacity(numbers.len());
        for number in numbers {
            versions.extend(self.get::<Version>(&format!("{url}/{number}")).await?);
        }
        Ok(versions)
    }

    /// Why the registry would not take a schema under the level of its subject; nothing where it would.
    pub(crate) async fn objections(&self, subject: &str, text: &str) -> Result<Vec<String>, RegistryError> {
        let url = format!("{}/compatibility/subjects/{subject}/versions?verbose=true", self.url);
        let answer = self.post(&url, &json!({"schemaType": "AVRO", "schema": text})).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(Vec::new()); // no such subject: nothing to break
        }
        let Compatible { is_compatible, messages } = self.answer(&url, answer).await?;
        match (is_compatible, messages.is_empty()) {
            (true, _) => Ok(Vec::new()),
            (false, true) => Ok(vec!["it does not say why".to_owned()]),
            (false, false) => Ok(messages.iter().map(said).collect()),
        }
    }

    fn versions_of(&self, subject: &str) -> String {
        format!("{}/subjects/{subject}/versions", self.url)
    }

    fn config_of(&self, subject: &str) -> String {
        format!("{}/config/{subject}", self.url)
    }

    /// `None` for what is not there.
    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<Option<T>, RegistryError> {
        let answer = self.send(url, self.client.get(url)).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.answer(url, answer).await.map(Some)
    }

    async fn post(&self, url: &str, body: &Json) -> Result<Response, RegistryError> {
        self.send(url, self.client.post(url).header("content-type", CONTENT_TYPE).json(body)).await
    }

    async fn send(&self, url: &str, request: reqwest::RequestBuilder) -> Result<Response, RegistryError> {
        request.send().await.map_err(|source| RegistryError::Unreachable { url: url.to_owned(), source })
    }

    async fn answer<T: DeserializeOwned>(&self, url: &str, response: Response) -> Result<T, RegistryError> {
        let status = response.status();
        let text = response
            .text()
            .await
            .map_err(|source| RegistryError::Unreachable { url: url.to_owned(), source })?;
        if !status.is_success() {
            return Err(RegistryError::Refused { url: url.to_owned(), status, text });
        }
        serde_json::from_str(&text).map_err(|_| RegistryError::Strange { url: url.to_owned(), text })
    }
}

fn said(message: &Json) -> String {
    message.as_str().map_or_else(|| message.to_string(), ToOwned::to_owned)
}
