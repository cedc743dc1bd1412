//! `storectl schemas`: the command line.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use super::{Ours, Published, Pushed, Report, Subject, look, push};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check names, docs, examples, compatibility and golden bytes; needs no registry. Exits with 1 on a finding
    Check {
        /// Folder of the schemas
        #[arg(long, default_value = "schemas")]
        dir: PathBuf,
    },
    /// Make every new or changed schema a release: published/<topic>/<Record>/<n>.avsc and its golden bytes
    Publish {
        /// Folder of the schemas
        #[arg(long, default_value = "schemas")]
        dir: PathBuf,
    },
    /// List what the registry has of the schemas of this build: versions and ids. Exits with 2 when it does not answer
    List {
        /// Address of the schema registry's Confluent-compatible API
        #[arg(long, env = "REGISTRY_URL")]
        registry_url: String,
    },
    /// Say what the registry lacks of the schemas of this build. Exits with 1 when it lacks any, with 2 when it does not answer
    Diff {
        /// Address of the schema registry's Confluent-compatible API
        #[arg(long, env = "REGISTRY_URL")]
        registry_url: String,
    },
    /// Register the schemas of this build, one subject a record, and fix their compatibility at FULL_TRANSITIVE
    Push {
        /// Address of the schema registry's Confluent-compatible API
        #[arg(long, env = "REGISTRY_URL")]
        registry_url: String,
    },
}

impl Command {
    /// Whether it asks a registry how it is, and changes nothing.
    pub(crate) fn looks(&self) -> bool {
        matches!(self, Self::List { .. } | Self::Diff { .. })
    }
}

/// Does what was asked. `FAILURE`: it was done, and the answer is no.
pub(crate) async fn run(command: Command, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check { dir } => Ok(check(&dir, out)?),
        Command::Publish { dir } => Ok(publish(&dir, out)?),
        Command::List { registry_url } => list(&registry_url, out).await,
        Command::Diff { registry_url } => diff(&registry_url, out).await,
        Command::Push { registry_url } => {
            for Pushed { subject, id } in push(&registry_url).await? {
                writeln!(out, "{subject} has the id {id}, FULL_TRANSITIVE")?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(dir: &Path, out: &mut impl Write) -> io::Result<ExitCode> {
    let Report { records, findings } = super::check(dir);
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    if findings.is_empty() {
        writeln!(out, "{records} schemas are in order")?;
        Ok(ExitCode::SUCCESS)
    } else {
        writeln!(out, "{} findings in {records} schemas", findings.len())?;
        Ok(ExitCode::FAILURE)
    }
}

async fn list(registry_url: &str, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    for subject in look(registry_url).await? {
        let versions = if subject.versions.is_empty() {
            "not registered".to_owned()
        } else {
            format!("versions {}", subject.told())
        };
        let ours = subject.ours.map_or_else(
            || "this build's is not among them".to_owned(),
            |Ours { version, id }| format!("this build writes {version}, id {id}"),
        );
        writeln!(out, "{}: {versions}; {ours}", subject.name)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn diff(registry_url: &str, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let subjects = look(registry_url).await?;
    let said: Vec<String> = subjects.iter().flat_map(Subject::differences).collect();
    for sentence in &said {
        writeln!(out, "{sentence}")?;
    }
    if said.is_empty() {
        writeln!(out, "the registry has all {} schemas of this build", subjects.len())?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

fn publish(dir: &Path, out: &mut impl Write) -> io::Result<ExitCode> {
    match super::publish(dir) {
        Ok(published) => {
            for Published { record, version, file } in &published {
                writeln!(out, "{record} {version}: wrote {}", file.display())?;
            }
            writeln!(out, "{} files written", published.len())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(findings) => {
            for finding in &findings {
                writeln!(out, "{finding}")?;
            }
            writeln!(out, "nothing was published")?;
            Ok(ExitCode::FAILURE)
        }
    }
}
