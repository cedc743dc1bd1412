//! `storectl schemas publish`: makes what is new a release. Nothing that was released is ever written again.

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::{Entry, Source, entries, finding, source};
use super::{Finding, evolution, example, shape};

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Full name of the record.
    pub record: String,
    /// Which release of it.
    pub version: usize,
    /// What was written.
    pub file: PathBuf,
}

/// Writes the next version and its golden bytes for every record whose schema differs from its newest release.
/// On findings nothing is written.
pub fn publish(dir: &Path) -> Result<Vec<Published>, Vec<Finding>> {
    let mut findings = Vec::new();
    let entries = entries(dir, &mut findings);
    let mut releases = Vec::new();
    for entry in &entries {
        match release(entry, &mut findings) {
            Ok(files) => releases.extend(files),
            Err(finding) => findings.push(finding),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    for (published, content) in &releases {
        write(&published.file, content).map_err(|finding| vec![finding])?;
    }
    Ok(releases.into_iter().map(|(published, _)| published).collect())
}

fn release(entry: &Entry, findings: &mut Vec<Finding>) -> Result<Vec<(Published, String)>, Finding> {
    let current = source(&entry.schema_file())?;
    shape::check(entry, &current, findings);
    let datum = example::datum(entry, &current)?;
    let published = entry.published()?;
    let versions: Vec<&Source> = published.iter().chain([&current]).collect();
    evolution::check(&versions, findings);
    let is_released = published.last().is_some_and(|newest| newest.json == current.json);
    let version = if is_released { published.len() } else { published.len() + 1 };
    let schema = super::folder::text(&current.file)?;
    let files =
        [(entry.published_file(version), schema), (entry.golden_file(version), example::to_hex(&datum))];
    let record = format!("counterflow.{}.{}", entry.topic, entry.name);
    let missing = files.into_iter().filter(|(file, _)| !file.exists());
    Ok(missing
        .map(|(file, content)| (Published { record: record.clone(), version, file }, content))
        .collect())
}

fn write(file: &Path, content: &str) -> Result<(), Finding> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, content))
        .map_err(|error| finding(file, format!("cannot be written ({error}): mend that and run again")))
}
