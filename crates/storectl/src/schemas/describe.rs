//! The schemas as they lie in their folder, for whoever documents them.

use std::path::Path;

use serde_json::Value as Json;

use super::folder::{Entry, entries, json, source, text};
use super::{Finding, example};

/// A record with what belongs to it.
#[derive(Clone, Debug)]
pub struct Described {
    /// The topic, without prefix.
    pub topic: String,
    /// The record's own name, without namespace.
    pub name: String,
    /// Its example.
    pub example: Json,
    /// The same, as it is written for people.
    pub example_text: String,
    /// The example as it is written.
    pub datum: Vec<u8>,
    /// The schema of each release, oldest first.
    pub versions: Vec<Json>,
}

/// Every record below `dir`, by topic and name; the findings when one cannot be read.
pub fn describe(dir: &Path) -> Result<Vec<Described>, Vec<Finding>> {
    let mut findings = Vec::new();
    let entries = entries(dir, &mut findings);
    let mut described = Vec::with_capacity(entries.len());
    for entry in entries {
        match one(entry) {
            Ok(record) => described.push(record),
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() { Ok(described) } else { Err(findings) }
}

fn one(entry: Entry) -> Result<Described, Finding> {
    let current = source(&entry.schema_file())?;
    let datum = example::datum(&entry, &current)?;
    let (example, example_text) = (json(&entry.example_file())?, text(&entry.example_file())?);
    let versions = entry.published()?.into_iter().map(|version| version.json).collect();
    Ok(Described { topic: entry.topic, name: entry.name, example, example_text, datum, versions })
}
