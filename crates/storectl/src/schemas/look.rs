//! `storectl schemas list` and `diff`: what the registry has of the schemas of this build. Changes nothing.

use events::CATALOGUE;
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::push::{LEVEL, Level, PushError, Registry};

/// A subject as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Full name of the record.
    pub name: &'static str,
    /// Its versions there; empty when the registry does not know it.
    pub versions: Vec<u32>,
    /// The version there that is exactly the schema of this build.
    pub ours: Option<Ours>,
    /// Its own compatibility level; `None`: whatever the registry does by itself.
    pub level: Option<String>,
}

/// The schema of this build in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Ours {
    /// Which version of the subject.
    pub version: u32,
    /// What stands in front of every record that is written with it.
    pub id: u32,
}

impl Subject {
    /// What is not as a store needs it, one sentence each.
    pub fn differences(&self) -> Vec<String> {
        let mut said = Vec::new();
        let push = "run `storectl schemas push`";
        if self.ours.is_none() {
            let there = if self.versions.is_empty() {
                "is not registered".to_owned()
            } else {
                format!("has no version with the schema of this build, only {}", self.told())
            };
            said.push(format!("{} {there}: {push} before a service of this build starts", self.name));
        }
        if !self.versions.is_empty() && self.level.as_deref() != Some(LEVEL) {
            let level = self.level.as_deref().unwrap_or("no level of its own");
            said.push(format!("{} has {level} instead of {LEVEL}: {push}", self.name));
        }
        said
    }

    /// Its versions, as people write them.
    pub fn told(&self) -> String {
        self.versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// Every subject of this build.
pub async fn look(registry_url: &str) -> Result<Vec<Subject>, PushError> {
    let registry = Registry::at(registry_url)?;
    let mut subjects = Vec::with_capacity(CATALOGUE.len());
    for record in CATALOGUE {
        let subject = format!("{}/subjects/{}", registry.url, record.name);
        let versions = registry.get(&format!("{subject}/versions")).await?;
        let versions: Option<Vec<u32>> = found(&registry, &subject, versions).await?;
        let ours =
            registry.post(&subject, &json!({"schemaType": "AVRO", "schema": record.schema_text})).await?;
        let ours = found(&registry, &subject, ours).await?;
        let config = format!("{}/config/{}", registry.url, record.name);
        let level: Option<Level> = found(&registry, &config, registry.get(&config).await?).await?;
        subjects.push(Subject {
            name: record.name,
            versions: versions.unwrap_or_default(),
            ours,
            level: level.map(|level| level.level),
        });
    }
    Ok(subjects)
}

/// `None`: there is no such thing, which is an answer.
async fn found<T: DeserializeOwned>(
    registry: &Registry,
    url: &str,
    response: reqwest::Response,
) -> Result<Option<T>, PushError> {
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    registry.answer(url, response).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(versions: &[u32], ours: Option<u32>, level: Option<&str>) -> Vec<String> {
        let ours = ours.map(|version| Ours { version, id: 7 });
        let level = level.map(ToOwned::to_owned);
        Subject { name: "counterflow.a.B", versions: versions.to_vec(), ours, level }.differences()
    }

    #[test]
    fn a_subject_as_a_store_needs_it_differs_in_nothing() {
        assert_eq!(subject(&[1, 2], Some(2), Some(LEVEL)), [""; 0]);
        assert_eq!(subject(&[1, 2], Some(1), Some(LEVEL)), [""; 0], "newer code was here before");
    }

    #[test]
    fn what_is_missing_in_the_registry_is_said_with_what_to_do() {
        let nowhere = subject(&[], None, None);
        assert_eq!(nowhere.len(), 1);
        assert!(nowhere[0].starts_with("counterflow.a.B is not registered: run `storectl schemas push`"));
        let older = subject(&[1, 3], None, Some(LEVEL));
        assert!(older[0].contains("no version with the schema of this build, only 1, 3"), "{older:?}");
        let loose = subject(&[1], Some(1), Some("BACKWARD"));
        assert!(loose[0].contains("has BACKWARD instead of FULL_TRANSITIVE"), "{loose:?}");
        assert!(subject(&[1], Some(1), None)[0].contains("no level of its own"));
    }
}
