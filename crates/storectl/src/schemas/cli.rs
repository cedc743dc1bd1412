//! `storectl schemas`: the command line.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Difference, Published, Pushed, Report, compare};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check names, docs, examples, releases, compatibility and golden bytes; needs no registry. Exits with 1 on a finding
    ///
    /// With `--registry-url` the registry is asked as well whether it would take each schema, and nothing is changed there.
    Check {
        #[command(flatten)]
        folder: Folder,
        /// Address of the schema registry's Confluent-compatible API
        #[arg(long)]
        registry_url: Option<String>,
    },
    /// Make every new or changed schema a release: published/<topic>/<Record>/<n>.avsc and its golden bytes
    Publish(Folder),
    /// Register the schemas of this build, one subject a record, and fix their compatibility at FULL_TRANSITIVE
    Push(Where),
    /// List what the registry has of this store: subjects, versions, ids, and which release each is
    List {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        registry: Where,
        /// Print one JSON document, for tools
        #[arg(long)]
        json: bool,
    },
    /// Say what in the registry is not as this build needs it, or of nobody knows whom. Exits with 1 when anything is
    Diff {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        registry: Where,
        /// Print one JSON document, for tools
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Folder {
    /// Folder of the schemas
    #[arg(long, default_value = "schemas")]
    dir: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Where {
    /// Address of the schema registry's Confluent-compatible API
    #[arg(long, env = "REGISTRY_URL")]
    registry_url: String,
}

/// Does what was asked. `FAILURE`: it was done, and the answer is no. `Err`: it could not be looked.
pub(crate) async fn run(command: Command, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check { folder, registry_url } => {
            let here = check(&super::check(&folder.dir), out)?;
            let Some(url) = registry_url else { return Ok(here) };
            let there = differences(&compare::ask(&url).await?, "the registry would take every schema", out)?;
            Ok(if here == ExitCode::SUCCESS { there } else { here })
        }
        Command::Publish(Folder { dir }) => Ok(publish(super::publish(&dir), out)?),
        Command::Push(Where { registry_url }) => {
            for Pushed { subject, id } in super::push(&registry_url).await? {
                writeln!(out, "{subject} has the id {id}, FULL_TRANSITIVE")?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::List { folder, registry, json } => {
            let subjects = compare::list(&registry.registry_url, &folder.dir).await?;
            if json {
                writeln!(out, "{:#}", compare::listed_json(&subjects))?;
            } else {
                list(&subjects, out)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Diff { folder, registry, json } => {
            let found = compare::diff(&registry.registry_url, &folder.dir).await?;
            if json {
                writeln!(out, "{:#}", compare::differences_json(&found))?;
                return Ok(verdict(found.is_empty()));
            }
            Ok(differences(&found, "the registry has what this build needs, and nothing else", out)?)
        }
    }
}

fn check(report: &Report, out: &mut impl Write) -> io::Result<ExitCode> {
    let Report { records, findings } = report;
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    if findings.is_empty() {
        writeln!(out, "{records} schemas are in order")?;
    } else {
        writeln!(out, "{} findings in {records} schemas", findings.len())?;
    }
    Ok(verdict(findings.is_empty()))
}

fn publish(
    outcome: Result<Vec<Published>, Vec<super::Finding>>,
    out: &mut impl Write,
) -> io::Result<ExitCode> {
    match outcome {
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

fn list(subjects: &[super::Subject], out: &mut impl Write) -> io::Result<()> {
    for super::Subject { name, level, versions } in subjects {
        writeln!(out, "{name}, {}", level.as_deref().unwrap_or("the level of all subjects"))?;
        for known in versions {
            let super::Version { version, id, .. } = known.registered;
            writeln!(out, "  version {version}, id {id}: {}", known.told())?;
        }
    }
    writeln!(out, "{} subjects of this store", subjects.len())
}

fn differences(found: &[Difference], none: &str, out: &mut impl Write) -> io::Result<ExitCode> {
    for Difference { subject, sentence } in found {
        writeln!(out, "{subject}: {sentence}")?;
    }
    match found.len() {
        0 => writeln!(out, "{none}")?,
        count => writeln!(out, "{count} differences")?,
    }
    Ok(verdict(found.is_empty()))
}

fn verdict(in_order: bool) -> ExitCode {
    if in_order { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
