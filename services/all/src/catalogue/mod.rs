//! `counterflow catalogue`: the pages and the AsyncAPI document in `docs/events`, made of the schemas and of what the services'
//! own handlers say. Nothing in them is written by hand, so nothing in them can be out of date without failing the build.

mod asyncapi;
mod pages;
mod picture;
mod readers;
mod shape;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use store::Store;

/// Where the catalogue is kept.
pub const FOLDER: &str = "docs/events";
/// Where the schemas are.
pub const SCHEMAS: &str = "schemas";
/// Where the services are: to find one that reads events and is not known here.
pub const SERVICES: &str = "services";

/// Fails, naming each file, unless what is kept is what schemas and code say.
pub fn check(dir: &Path, schemas: &Path, services: &Path) -> anyhow::Result<()> {
    let said = files(schemas, services)?;
    let kept = kept(dir)?;
    let differ = said.iter().filter(|(name, text)| kept.get(*name) != Some(*text)).map(|(name, _)| name);
    let stale = kept.keys().filter(|name| !said.contains_key(*name));
    let names: Vec<&String> = differ.chain(stale).collect();
    for name in &names {
        let file = dir.join(name);
        let mut err = std::io::stderr();
        writeln!(
            err,
            "{}: is not what schemas and code say; run `make catalogue` and commit it",
            file.display()
        )?;
    }
    if names.is_empty() { Ok(()) } else { bail!("the catalogue of events is out of date") }
}

/// Writes what differs, and removes what nothing says any more.
pub fn write(dir: &Path, schemas: &Path, services: &Path) -> anyhow::Result<()> {
    let said = files(schemas, services)?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    let kept = kept(dir)?;
    for (name, text) in &said {
        if kept.get(name) != Some(text) {
            let file = dir.join(name);
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            writeln!(std::io::stdout(), "catalogue: {} is new", file.display())?;
        }
    }
    for name in kept.keys().filter(|name| !said.contains_key(*name)) {
        let file = dir.join(name);
        std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        writeln!(std::io::stdout(), "catalogue: {} is gone", file.display())?;
    }
    Ok(())
}

/// Every file of the catalogue, by name.
fn files(schemas: &Path, services: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    readers::none_is_missing(services)?;
    let store = Store::read(schemas)?;
    let mut files = pages::all(&store);
    let document = serde_json::to_string_pretty(&asyncapi::document(&store))?;
    files.insert("asyncapi.json".to_owned(), format!("{document}\n"));
    Ok(files)
}

fn kept(dir: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut kept = BTreeMap::new();
    let Ok(files) = std::fs::read_dir(dir) else { return Ok(kept) };
    for file in files {
        let path = file.with_context(|| format!("cannot list {}", dir.display()))?.path();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        kept.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text);
    }
    Ok(kept)
}
