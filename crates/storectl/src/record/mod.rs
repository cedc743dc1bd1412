//! `storectl record`: saves a span of the log as files that any Avro tool reads, without anything that says who somebody is.

mod as_written;
mod envelope;
mod folder;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use kernel::clock::SystemClock;
use kernel::{Clock as _, Timestamp};
use messaging::Settings;
use messaging::core::batch::Content;
use messaging::log::{Log, Span};

use crate::demo::LogArgs;
use as_written::AsWritten;

pub use envelope::Recorded;
pub use folder::{Listed, Manifest, open};

/// What is recorded, and where to.
#[derive(Args, Debug)]
pub struct RecordArgs {
    /// The first moment: `beginning`, or a time such as 2026-05-01T12:00:00Z
    #[arg(long, default_value = "beginning", value_parser = from)]
    from: From,
    /// Up to this moment, which is not in it: `now`, or a time
    #[arg(long, default_value = "now", value_parser = to)]
    to: To,
    /// The folder that is made; there must be none of this name
    folder: PathBuf,
    /// Print the manifest, for tools
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
}

/// A first moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Of the log.
    Beginning,
    /// This one.
    Time(Timestamp),
}

/// A last moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// When the command is given.
    Now,
    /// This one.
    Time(Timestamp),
}

fn from(text: &str) -> Result<From, String> {
    let time = || Timestamp::parse(text).map(From::Time).ok_or(());
    if text == "beginning" { Ok(From::Beginning) } else { time().map_err(|()| wanted("beginning")) }
}

fn to(text: &str) -> Result<To, String> {
    let time = || Timestamp::parse(text).map(To::Time).ok_or(());
    if text == "now" { Ok(To::Now) } else { time().map_err(|()| wanted("now")) }
}

fn wanted(word: &str) -> String {
    format!("expected `{word}`, or a time such as 2026-05-01T12:00:00Z")
}

/// Does what was asked. `Err`: it could not look, and there is no folder.
pub async fn run(args: RecordArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let settings = args.log.settings().await?;
    let manifest = save(&settings, args.from, args.to, &args.folder).await?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&manifest)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for listed in &manifest.files {
        writeln!(out, "{}: {} records, {} bytes", listed.file, listed.records, listed.bytes)?;
    }
    writeln!(out, "{} records in {}", manifest.records(), args.folder.display())?;
    if manifest.unreadable > 0 {
        writeln!(out, "{} records are left out: this build cannot read them", manifest.unreadable)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Records what happened from `from` on and before `to` into `folder`, which is there when this returns and not before.
pub async fn save(settings: &Settings, from: From, to: To, folder: &Path) -> anyhow::Result<Manifest> {
    let from = match from {
        From::Beginning => None,
        From::Time(time) => Some(time),
    };
    let to = match to {
        To::Now => SystemClock.now(),
        To::Time(time) => time,
    };
    let topics = as_written::recorded();
    let mut writing = folder::Writing::begin(folder)?;
    let log = Log::open(settings)?;
    let extents = log.extents(&topics).await?;
    let spans: Vec<Span> = extents
        .iter()
        .map(|part| Span { topic: part.topic, partition: part.partition, from: part.low, end: part.end })
        .collect();
    let mut reading = log.read::<AsWritten>(&spans)?;
    let mut unreadable = 0;
    while let Some(entry) = reading.next(|_| true).await? {
        if from.is_some_and(|from| entry.time < from) || entry.time >= to {
            continue;
        }
        let Content::Event(received) = entry.content else {
            unreadable += 1;
            continue;
        };
        let schema = received.event.schema.clone();
        let place = envelope::Place { topic: entry.topic, partition: entry.partition, offset: entry.offset };
        writing
            .add(entry.topic, &schema, envelope::pack(place, *received))
            .with_context(|| format!("cannot record {}/{}@{}", place.topic, place.partition, place.offset))?;
    }
    let from = from.map(|time| time.to_string());
    writing.end(folder::manifest(from, to.to_string(), &topics, unreadable))
}

#[cfg(test)]
mod tests;
