//! `counterflow catalogue`: the documents in `docs/events` are what the schemas and the services' own code say of the events.

mod asyncapi;
mod facts;
mod page;
mod picture;
mod readers;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use facts::Catalogue;

/// Where the documents are kept.
pub const FOLDER: &str = "docs/events";
/// Where the schemas are.
pub const SCHEMAS: &str = "schemas";

/// A document, by its name in the folder.
type Document = (String, String);

/// Fails, naming each document, unless those in `dir` are what schemas and code say.
pub fn check(schemas: &Path, dir: &Path) -> anyhow::Result<()> {
    let documents = documents(schemas)?;
    let mut findings = Vec::new();
    for (name, said) in &documents {
        let file = dir.join(name);
        if read(&file)?.as_ref() != Some(said) {
            findings.push(format!(
                "{}: is not what the schemas and the code say; run `make catalogue` and commit it",
                file.display()
            ));
        }
    }
    for file in strangers(dir, &documents)? {
        findings
            .push(format!("{}: is about no topic; run `make catalogue`, which removes it", file.display()));
    }
    for finding in &findings {
        writeln!(std::io::stderr(), "{finding}")?;
    }
    match findings.len() {
        0 => Ok(()),
        count => bail!("{count} documents of the catalogue of events are out of date, see above"),
    }
}

/// Writes the documents, and removes those of topics that are gone.
pub fn write(schemas: &Path, dir: &Path) -> anyhow::Result<()> {
    let documents = documents(schemas)?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    for (name, said) in &documents {
        let file = dir.join(name);
        if read(&file)?.as_ref() != Some(said) {
            std::fs::write(&file, said).with_context(|| format!("cannot write {}", file.display()))?;
            writeln!(std::io::stdout(), "catalogue: {} is new", file.display())?;
        }
    }
    for file in strangers(dir, &documents)? {
        std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        writeln!(std::io::stdout(), "catalogue: {} is gone", file.display())?;
    }
    Ok(())
}

fn documents(schemas: &Path) -> anyhow::Result<Vec<Document>> {
    let catalogue = Catalogue::gather(schemas)?;
    let mut documents = vec![
        ("README.md".to_owned(), page::overview(&catalogue)),
        ("asyncapi.json".to_owned(), format!("{:#}\n", asyncapi::document(&catalogue))),
    ];
    documents.extend(catalogue.topics.iter().map(|topic| (format!("{}.md", topic.name), page::topic(topic))));
    Ok(documents)
}

fn read(file: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Files of the folder that are none of the documents.
fn strangers(dir: &Path, documents: &[Document]) -> anyhow::Result<Vec<PathBuf>> {
    let known: BTreeSet<&str> = documents.iter().map(|(name, _)| name.as_str()).collect();
    let files = match std::fs::read_dir(dir) {
        Ok(files) => files,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot list {}", dir.display())),
    };
    let mut strangers = Vec::new();
    for file in files {
        let file = file.with_context(|| format!("cannot list {}", dir.display()))?;
        if !known.contains(&*file.file_name().to_string_lossy()) {
            strangers.push(file.path());
        }
    }
    strangers.sort();
    Ok(strangers)
}
