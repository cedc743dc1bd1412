//! What lies where under `schemas/`.

use std::fs;
use std::path::{Path, PathBuf};

use apache_avro::Schema;
use serde_json::Value as Json;

use super::Finding;

/// Folders beside those of the topics.
const VERSIONS: [&str; 2] = ["published", "golden"];

/// One `<topic>/<Record>.avsc` and what belongs to it.
pub(crate) struct Entry {
    pub(crate) root: PathBuf,
    pub(crate) topic: String,
    pub(crate) name: String,
}

/// A schema file, read.
pub(crate) struct Source {
    pub(crate) file: PathBuf,
    pub(crate) json: Json,
    pub(crate) schema: Schema,
}

impl Entry {
    pub(crate) fn schema_file(&self) -> PathBuf {
        self.root.join(&self.topic).join(format!("{}.avsc", self.name))
    }

    pub(crate) fn example_file(&self) -> PathBuf {
        self.root.join(&self.topic).join(format!("{}.example.json", self.name))
    }

    pub(crate) fn published_file(&self, version: usize) -> PathBuf {
        self.root.join("published").join(&self.topic).join(&self.name).join(format!("{version}.avsc"))
    }

    pub(crate) fn golden_file(&self, version: usize) -> PathBuf {
        self.root.join("golden").join(&self.topic).join(&self.name).join(format!("{version}.hex"))
    }

    /// Versions 1, 2, 3… up to the first that is not there.
    pub(crate) fn published(&self) -> Result<Vec<Source>, Finding> {
        (1..)
            .map(|version| self.published_file(version))
            .take_while(|file| file.exists())
            .map(|file| source(&file))
            .collect()
    }
}

/// Every record below `root`, and every file that has no business there.
pub(crate) fn entries(root: &Path, findings: &mut Vec<Finding>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for topic in list(root, findings) {
        if VERSIONS.contains(&topic.as_str()) {
            continue;
        }
        let folder = root.join(&topic);
        if !folder.is_dir() {
            findings.push(finding(&folder, "belongs to no topic: move it into the folder of its topic"));
            continue;
        }
        for file in list(&folder, findings) {
            if let Some(name) = file.strip_suffix(".avsc") {
                entries.push(Entry { root: root.to_owned(), topic: topic.clone(), name: name.to_owned() });
            } else if !file
                .strip_suffix(".example.json")
                .is_some_and(|name| folder.join(format!("{name}.avsc")).exists())
            {
                findings.push(finding(
                    &folder.join(&file),
                    "is neither a schema nor the example of one: remove it or mend its name",
                ));
            }
        }
    }
    for versions in VERSIONS {
        orphans(root, &root.join(versions), findings);
    }
    for entry in &entries {
        numbers(entry, findings);
    }
    entries
}

/// Releases are numbered without a gap: what stands behind one would never be looked at.
fn numbers(entry: &Entry, findings: &mut Vec<Finding>) {
    for (first, ending, remedy) in [
        (entry.published_file(1), ".avsc", "put it back, the log still holds its events"),
        (entry.golden_file(1), ".hex", "put it back, or remove those behind it if they were never released"),
    ] {
        let Some(folder) = first.parent().filter(|folder| folder.is_dir()) else { continue };
        let mut versions = Vec::new();
        for file in list(folder, findings) {
            match file.strip_suffix(ending).and_then(|number| number.parse::<usize>().ok()) {
                Some(number) if number > 0 => versions.push(number),
                _ => findings.push(finding(
                    &folder.join(&file),
                    format!("is no release: name it <n>{ending}, or remove it"),
                )),
            }
        }
        let last = versions.iter().copied().max().unwrap_or(0);
        for missing in (1..last).filter(|number| !versions.contains(number)) {
            let file = folder.join(format!("{missing}{ending}"));
            findings.push(finding(&file, format!("is missing, and {last}{ending} is there: {remedy}")));
        }
        if ending == ".hex" {
            let unpublished = versions.iter().filter(|number| !entry.published_file(**number).exists());
            findings.extend(unpublished.map(|number| {
                finding(
                    &entry.published_file(*number),
                    format!("is missing, and its golden bytes are there: {remedy}"),
                )
            }));
        }
    }
}

/// What was released stays: events written with it are in the log for ever.
fn orphans(root: &Path, versions: &Path, findings: &mut Vec<Finding>) {
    if !versions.is_dir() {
        return; // said of each record that has none
    }
    for topic in list(versions, findings) {
        for name in list(&versions.join(&topic), findings) {
            let schema = root.join(&topic).join(format!("{name}.avsc"));
            if !schema.exists() {
                findings.push(finding(
                    &schema,
                    "was released and is gone: put it back, the log still holds its events",
                ));
            }
        }
    }
}

fn list(folder: &Path, findings: &mut Vec<Finding>) -> Vec<String> {
    let read = fs::read_dir(folder).and_then(|files| {
        files
            .map(|file| Ok(file?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<Vec<_>, std::io::Error>>()
    });
    match read {
        Ok(mut names) => {
            names.sort();
            names
        }
        Err(error) => {
            findings.push(finding(
                folder,
                format!("cannot be listed ({error}): give the folder of the schemas with --dir"),
            ));
            Vec::new()
        }
    }
}

pub(crate) fn source(file: &Path) -> Result<Source, Finding> {
    let json = json(file)?;
    let schema = Schema::parse(&json)
        .map_err(|error| finding(file, format!("is not a self-contained Avro schema ({error}): mend it")))?;
    Ok(Source { file: file.to_owned(), json, schema })
}

pub(crate) fn json(file: &Path) -> Result<Json, Finding> {
    serde_json::from_str(&text(file)?)
        .map_err(|error| finding(file, format!("is not JSON ({error}): mend it")))
}

pub(crate) fn text(file: &Path) -> Result<String, Finding> {
    fs::read_to_string(file).map_err(|error| finding(file, format!("cannot be read ({error}): put it there")))
}

pub(crate) fn finding(file: &Path, sentence: impl Into<String>) -> Finding {
    Finding { file: file.to_owned(), sentence: sentence.into() }
}
