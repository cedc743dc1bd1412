//! `counterflow openapi`: the documents in `docs/openapi` are what the programs say of themselves, and no caller that exists
//! breaks without being told by the version.

mod breaking;
mod shape;
#[cfg(test)]
mod tests;
mod version;

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;
use service_kit::Api;

use crate::launch::Program;
use crate::listeners::LISTENERS;

/// Where the documents are kept.
pub const FOLDER: &str = "docs/openapi";

/// One program's document: as it is kept, and as the program says it.
struct Pair {
    file: PathBuf,
    /// `None` for a program that is new.
    kept: Option<Value>,
    said: Value,
}

/// Fails, naming each finding, unless the kept documents are what the programs say.
pub fn check(dir: &Path) -> anyhow::Result<()> {
    let mut findings = Vec::new();
    for pair in pairs(dir)? {
        let broken = pair.broken();
        if broken.is_empty() && pair.kept.as_ref() != Some(&pair.said) {
            let file = pair.file.display();
            findings.push(format!("{file}: is not what the program says; run `make openapi` and commit it"));
        }
        findings.extend(broken);
    }
    refuse(&findings)
}

/// Writes the documents; not one of them when a caller that exists would break.
pub fn write(dir: &Path) -> anyhow::Result<()> {
    let pairs = pairs(dir)?;
    refuse(&pairs.iter().flat_map(Pair::broken).collect::<Vec<_>>())?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    for Pair { file, kept, said } in pairs {
        if kept.as_ref() != Some(&said) {
            let text = format!("{}\n", serde_json::to_string_pretty(&said)?);
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            writeln!(std::io::stdout(), "openapi: {} is new", file.display())?;
        }
    }
    Ok(())
}

fn pairs(dir: &Path) -> anyhow::Result<Vec<Pair>> {
    let pair = |(name, api): (&str, Api)| {
        let file = dir.join(format!("{name}.json"));
        Ok(Pair { kept: read(&file)?, said: serde_json::to_value(api.document())?, file })
    };
    let programs = Program::ALL.into_iter().map(|program| (program.name(), api(program)));
    let listeners = LISTENERS.iter().map(|listener| (listener.name, (listener.api)()));
    programs.chain(listeners).map(pair).collect()
}

fn api(program: Program) -> Api {
    match program {
        Program::Order => order::http::api(),
        Program::Inventory => inventory::http::api(),
        Program::Billing => billing::http::api(),
        Program::Email => email::http::api(),
        Program::PaymentGateway => payment_gateway::http::api(),
    }
}

fn read(file: &Path) -> anyhow::Result<Option<Value>> {
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let value = serde_json::from_str(&text);
            value.map(Some).with_context(|| format!("{} is no JSON", file.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

impl Pair {
    fn broken(&self) -> Vec<String> {
        let Some(kept) = &self.kept else { return Vec::new() };
        let sentences = breaking::unannounced(kept, &self.said);
        sentences.into_iter().map(|sentence| format!("{}: {sentence}", self.file.display())).collect()
    }
}

fn refuse(findings: &[String]) -> anyhow::Result<()> {
    for finding in findings {
        writeln!(std::io::stderr(), "{finding}")?;
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("the HTTP APIs are not as they are documented, see the line above"),
        count => bail!("the HTTP APIs are not as they are documented, see the {count} lines above"),
    }
}
