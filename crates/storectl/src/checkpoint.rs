//! `storectl checkpoint`: copies of what is folded of a service, with the places in the log from which a rebuild goes on.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args, Error, Subcommand};
use fold::checkpoint::{Created, Place, create, list, prune};
use fold::{Database, FoldError};
use messaging::log::Log;
use serde_json::{Value, json};

use crate::audit::{self, Which};
use crate::dead_letters::{DatabaseArgs, Service};
use crate::demo::LogArgs;

/// What is done with checkpoints.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy what is folded of a service, while it runs
    ///
    /// All tables are read in one snapshot, for which no write of the service waits. The copy becomes a checkpoint when every
    /// event it holds is in the log. Nothing of it is taken for one before.
    Create(Box<CreateArgs>),
    /// Say which checkpoints there are, newest first; reads no more of them than what they say of themselves
    List(PlaceArgs),
    /// Read every checkpoint and hold it to its checksums. Exits with 1 when one is not as it was written
    Verify(PlaceArgs),
    /// Remove all but the newest, and what interrupted runs have left. Where none is whole, nothing is removed
    Prune {
        #[command(flatten)]
        /// Where they are
        place: PlaceArgs,
        /// How many of each service are kept
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
        keep: u16,
    },
}

/// Where the new one comes.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Of which service
    which: Which,
    /// Where checkpoints are kept: a folder, or a URL such as s3://bucket/prefix; each service has one in there
    #[arg(long = "to", value_name = "PLACE", env = "CHECKPOINT_FOLDER", value_parser = Unshown(place))]
    place: Place,
    /// How long it may take until all events of the copy are in the log
    #[arg(long, default_value = "30s", value_parser = service_kit::duration::parse)]
    within: Duration,
    /// Print one JSON document, for tools
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    databases: DatabaseArgs,
}

/// Where they are.
#[derive(Args, Debug)]
pub struct PlaceArgs {
    /// Of which service
    #[arg(default_value = "all")]
    which: Which,
    /// Where checkpoints are kept: a folder, or a URL such as s3://bucket/prefix
    #[arg(long = "checkpoints", value_name = "PLACE", env = "CHECKPOINT_FOLDER", value_parser = Unshown(place))]
    place: Place,
    /// Print one JSON document, for tools
    #[arg(long)]
    json: bool,
}

/// Reads an argument that may hold a secret by mistake: what is wrong with it is said without it.
#[derive(Clone)]
pub(crate) struct Unshown<F>(pub(crate) F);

impl<T, F> TypedValueParser for Unshown<F>
where
    T: Clone + Send + Sync + 'static,
    F: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &clap::Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        let text = value.to_str().ok_or_else(|| "it is no text".to_owned());
        text.and_then(&self.0).map_err(|why| {
            let named = argument.map(ToString::to_string).unwrap_or_default();
            let said = format!("the value of {named} cannot be used: {why}\n");
            Error::raw(ErrorKind::ValueValidation, said).with_cmd(command)
        })
    }
}

/// A path or a URL; who may use that is in our environment.
pub(crate) fn place(text: &str) -> Result<Place, String> {
    let readable =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    Place::parse(text, std::env::vars_os().filter_map(readable))
}

/// Does it. `Err`: it could not be done.
pub async fn run(command: Command, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create(args) => make(*args, out).await,
        Command::List(args) => {
            tell_all(&args, Read::Manifests, out).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify(args) => {
            let damaged = tell_all(&args, Read::Everything, out).await?;
            Ok(if damaged == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Prune { place, keep } => {
            remove(&place, keep.into(), out).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn make(args: CreateArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let log = Log::open(&args.log.settings().await?)?;
    let mut made = Vec::new();
    for service in args.which.services() {
        let database = audit::at(&args.databases, service)?;
        let created = one(service, &database, &log, &args.place, args.within, |_| {}).await?;
        if args.json {
            made.push(document(&created));
        } else {
            tell(&created, out)?;
        }
    }
    if args.json {
        writeln!(out, "{:#}", json!({ "checkpoints": made }))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn document(created: &Created) -> Value {
    let Created { path, manifest, snapshot, relayed_within, unsent } = created;
    json!({
        "service": manifest.service, "path": path, "rows": manifest.rows(), "bytes": manifest.bytes(),
        "snapshot_ms": snapshot.as_secs_f64() * 1e3, "unsent": unsent,
        "relayed_within_ms": relayed_within.as_secs_f64() * 1e3,
    })
}

fn tell(created: &Created, out: &mut impl Write) -> io::Result<()> {
    let Created { path, manifest, snapshot, relayed_within, unsent } = created;
    writeln!(out, "{}: {} rows, {} bytes in {}", manifest.service, manifest.rows(), manifest.bytes(), path)?;
    writeln!(
        out,
        "  the snapshot was open for {} ms, and as long held locks that no read and no write waits for; {unsent} events of it were on their way to the log for {} ms",
        snapshot.as_millis(),
        relayed_within.as_millis()
    )
}

/// How much of a checkpoint is read.
#[derive(Clone, Copy, PartialEq)]
enum Read {
    Manifests,
    Everything,
}

/// Tells of each; returns how many are not as they were written.
async fn tell_all(args: &PlaceArgs, read: Read, out: &mut impl Write) -> anyhow::Result<usize> {
    let (mut all, mut count, mut damaged) = (Vec::new(), 0, 0);
    for service in args.which.services() {
        for found in list(&args.place, service.name()).await? {
            count += 1;
            let wrong = match read {
                Read::Manifests => found.manifest.as_ref().err().cloned(),
                Read::Everything => found.verify().await.err(),
            };
            damaged += usize::from(wrong.is_some());
            if args.json {
                let manifest = found.manifest.as_ref().ok();
                all.push(json!({ "service": service.name(), "path": found.path, "manifest": manifest, "wrong": wrong }));
                continue;
            }
            match (&found.manifest, wrong) {
                (_, Some(wrong)) => writeln!(out, "{}: NOT USABLE: {wrong}", found.path)?,
                (Ok(manifest), None) => writeln!(
                    out,
                    "{}: {} of {}, {} rows, {} bytes",
                    found.path,
                    manifest.service,
                    manifest.at,
                    manifest.rows(),
                    manifest.bytes()
                )?,
                (Err(_), None) => {}
            }
        }
    }
    if args.json {
        writeln!(out, "{:#}", json!({ "checkpoints": all }))?;
    } else if count == 0 {
        writeln!(out, "no checkpoint is in {}: storectl checkpoint create makes one", args.place)?;
    }
    Ok(damaged)
}

async fn remove(args: &PlaceArgs, keep: usize, out: &mut impl Write) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for service in args.which.services() {
        let pruned = prune(&args.place, service.name(), keep).await?;
        if args.json {
            all.push(json!({ "service": service.name(), "pruned": pruned }));
            continue;
        }
        for path in &pruned.removed {
            writeln!(out, "{path}: removed")?;
        }
        writeln!(out, "{}: {} kept", service.name(), pruned.kept.len())?;
    }
    if args.json {
        writeln!(out, "{:#}", json!({ "services": all }))?;
    }
    Ok(())
}

/// Makes a checkpoint of one service.
pub async fn one(
    service: Service,
    database: &Database,
    log: &Log,
    place: &Place,
    within: Duration,
    tell: impl FnMut(&'static str),
) -> Result<Created, FoldError> {
    let to = (place, within);
    match service {
        Service::Order => {
            Box::pin(create(order::projection::Facts, order::store::Store, database, log, to, tell)).await
        }
        Service::Inventory => {
            let (facts, shelf) = (inventory::projection::Facts, inventory::store::Postgres);
            Box::pin(create(facts, shelf, database, log, to, tell)).await
        }
        Service::Billing => {
            let (facts, shelf) = (billing::projection::Facts, billing::store::Payments);
            Box::pin(create(facts, shelf, database, log, to, tell)).await
        }
        Service::Email => {
            Box::pin(create(email::projection::Facts, email::store::Store, database, log, to, tell)).await
        }
    }
}
