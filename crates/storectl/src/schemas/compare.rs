//! `storectl schemas list` and `diff`: what the registry has, beside what this build and its releases have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use events::CATALOGUE;
use serde_json::{Value as Json, json};

use super::describe;
use super::registry::{LEVEL, Registry, RegistryError, Version};

/// Of whatever the store has in a registry.
const NAMESPACE: &str = "counterflow.";

/// A subject of the store, as the registry has it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Full name of the record.
    pub name: String,
    /// Its own compatibility level, where it has one.
    pub level: Option<String>,
    /// Oldest first.
    pub versions: Vec<Known>,
}

/// A version in the registry, and what it is to us.
#[derive(Clone, Debug)]
pub struct Known {
    /// As the registry has it.
    pub registered: Version,
    /// The release it is.
    pub release: Option<usize>,
    /// Whether this build writes with it.
    pub current: bool,
}

impl Known {
    /// In words.
    pub fn told(&self) -> String {
        let release =
            self.release.map_or_else(|| "no release".to_owned(), |number| format!("release {number}"));
        if self.current { format!("{release}, written by this build") } else { release }
    }
}

/// Something in the registry is not as this build needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The subject.
    pub subject: String,
    /// What is different and what to do, one sentence.
    pub sentence: String,
}

/// Every subject of the store that is in the registry; `dir` has the releases.
pub async fn list(registry_url: &str, dir: &Path) -> anyhow::Result<Vec<Subject>> {
    let registry = Registry::at(registry_url)?;
    let releases = releases(dir)?;
    let names: BTreeSet<String> =
        registry.subjects().await?.into_iter().filter(|name| name.starts_with(NAMESPACE)).collect();
    let mut subjects = Vec::with_capacity(names.len());
    for name in names {
        subjects.push(subject(&registry, name, &releases).await?);
    }
    Ok(subjects)
}

async fn subject(
    registry: &Registry,
    name: String,
    releases: &BTreeMap<String, Vec<Json>>,
) -> Result<Subject, RegistryError> {
    let level = registry.level(&name).await?;
    let ours = CATALOGUE.iter().find(|record| record.name == name).map(|record| parsed(record.schema_text));
    let known = |registered: Version| {
        let schema = parsed(&registered.text);
        let mut numbers = (1..).zip(releases.get(&name).into_iter().flatten());
        let release = numbers.find(|(_, release)| **release == schema).map(|(number, _)| number);
        Known { current: ours.as_ref() == Some(&schema), release, registered }
    };
    let versions = registry.versions(&name).await?.into_iter().map(known).collect();
    Ok(Subject { name, level, versions })
}

/// What must be done before this build may write, and what nobody here can explain.
pub async fn diff(registry_url: &str, dir: &Path) -> anyhow::Result<Vec<Difference>> {
    let subjects = list(registry_url, dir).await?;
    let mut differences = Vec::new();
    let mut say = |subject: &str, sentence: String| {
        differences.push(Difference { subject: subject.to_owned(), sentence });
    };
    for record in CATALOGUE {
        let Some(found) = subjects.iter().find(|subject| subject.name == record.name) else {
            say(record.name, "is not registered: run `storectl schemas push`".to_owned());
            continue;
        };
        if !found.versions.iter().any(|version| version.current) {
            say(
                record.name,
                "has other versions than the one this build writes: run `storectl schemas push`".to_owned(),
            );
        }
        if found.level.as_deref() != Some(LEVEL) {
            let level = found.level.as_deref().unwrap_or("the level of all subjects");
            say(record.name, format!("is kept at {level} instead of {LEVEL}: run `storectl schemas push`"));
        }
        for version in found.versions.iter().filter(|version| version.release.is_none()) {
            let Version { version, id, .. } = version.registered;
            say(
                record.name,
                format!(
                    "has a version {version} (id {id}) that is no release of this build: find out whether newer code or somebody by hand registered it; this build reads what is written with it"
                ),
            );
        }
    }
    for stranger in subjects.iter().filter(|one| !CATALOGUE.iter().any(|record| record.name == one.name)) {
        say(
            &stranger.name,
            "is an event this build does not know: newer code writes it; its records are skipped and counted here".to_owned(),
        );
    }
    Ok(differences)
}

/// What the registry itself would say to each schema of this build, under the level it keeps the subject at.
pub async fn ask(registry_url: &str) -> Result<Vec<Difference>, RegistryError> {
    let registry = Registry::at(registry_url)?;
    let mut differences = Vec::new();
    for record in CATALOGUE {
        for objection in registry.objections(record.name, record.schema_text).await? {
            let sentence = format!(
                "would be refused by the registry ({objection}): what is registered there was never published here; see `storectl schemas diff`"
            );
            differences.push(Difference { subject: record.name.to_owned(), sentence });
        }
    }
    Ok(differences)
}

/// By full name, oldest first.
fn releases(dir: &Path) -> anyhow::Result<BTreeMap<String, Vec<Json>>> {
    let described = describe(dir).map_err(|findings| {
        anyhow::Error::msg(findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    let described = described.context("the releases cannot be read: run `storectl schemas check`")?;
    let named =
        described.into_iter().map(|one| (format!("{NAMESPACE}{}.{}", one.topic, one.name), one.versions));
    Ok(named.collect())
}

/// A registry may set the text in another way; what it says is the same.
fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or(Json::Null)
}

/// [`list`] for tools.
pub fn listed_json(subjects: &[Subject]) -> Json {
    let version = |known: &Known| {
        let Version { version, id, .. } = known.registered;
        json!({"version": version, "id": id, "release": known.release, "current": known.current})
    };
    let subject = |one: &Subject| {
        let versions: Vec<Json> = one.versions.iter().map(version).collect();
        json!({"subject": one.name, "compatibility": one.level, "versions": versions})
    };
    json!({"subjects": subjects.iter().map(subject).collect::<Vec<_>>()})
}

/// [`diff`] for tools.
pub fn differences_json(differences: &[Difference]) -> Json {
    let one = |one: &Difference| json!({"subject": one.subject, "sentence": one.sentence});
    json!({"differences": differences.iter().map(one).collect::<Vec<_>>()})
}
