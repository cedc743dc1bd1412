//! `storectl schemas check`: everything that can be known without a registry.

use std::path::Path;

use super::folder::{Entry, entries, finding, source};
use super::{Finding, Report, evolution, example, shape};

/// Looks at every schema below `dir`. An empty list of findings is what a build may go on with.
pub fn check(dir: &Path) -> Report {
    let mut findings = Vec::new();
    let entries = entries(dir, &mut findings);
    if entries.is_empty() && findings.is_empty() {
        findings.push(finding(dir, "holds no schema: give the folder of the schemas with --dir"));
    }
    for entry in &entries {
        if let Err(unreadable) = check_entry(entry, &mut findings) {
            findings.push(unreadable);
        }
    }
    Report { records: entries.len(), findings }
}

/// `Err` is what makes the rest pointless.
fn check_entry(entry: &Entry, findings: &mut Vec<Finding>) -> Result<(), Finding> {
    let current = source(&entry.schema_file())?;
    shape::check(entry, &current, findings);
    findings.extend(example::datum(entry, &current).err());
    let published = entry.published()?;
    if published.is_empty() {
        let file = entry.published_file(1);
        return Err(finding(
            &file,
            "is missing: run `storectl schemas publish` to make this schema a release",
        ));
    }
    if published.last().is_some_and(|newest| newest.json != current.json) {
        findings.push(finding(
            &current.file,
            format!(
                "is not release {}, the newest: run `storectl schemas publish`, so that what is written with it can be read for ever",
                published.len()
            ),
        ));
    }
    let versions: Vec<_> = published.iter().chain([&current]).collect();
    evolution::check(&versions, findings);
    for (version, published) in (1..).zip(&published) {
        findings.extend(example::check_golden(entry, version, published, &current).err());
    }
    Ok(())
}
