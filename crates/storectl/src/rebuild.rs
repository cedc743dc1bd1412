//! `storectl rebuild`: the tables of a service, made anew from the log.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use fold::checkpoint::Place;
use fold::rebuild::{How, Rebuilt, rebuild};
use fold::{Database, FoldError, Progress};
use messaging::log::Log;
use serde_json::json;

use crate::audit::{self, Bar, Which};
use crate::checkpoint::{Unshown, place};
use crate::dead_letters::{DatabaseArgs, Service};
use crate::demo::LogArgs;

/// What is said on the command line.
#[derive(Args, Debug)]
pub struct RebuildArgs {
    /// Of which service
    which: Which,
    /// Compare the tables with the log, as `audit` does, and change nothing
    #[arg(long)]
    compare_only: bool,
    /// Give up events that were decided and not sent: the log does not have them, and never will
    #[arg(long)]
    lose_unsent: bool,
    /// Where checkpoints are, a folder or a URL: begin with the newest that is whole, instead of the beginning of the log
    #[arg(long, value_name = "PLACE", env = "CHECKPOINT_FOLDER", value_parser = Unshown(place))]
    checkpoints: Option<Place>,
    /// Print one JSON document, for tools
    #[arg(long)]
    json: bool,
    /// The log.
    #[command(flatten)]
    log: LogArgs,
    /// The tables.
    #[command(flatten)]
    databases: DatabaseArgs,
}

/// How long `--compare-only` looks at rows that are moving.
const COMPARED_WITHIN: Duration = Duration::from_secs(30);

/// Does it. `Err`: it could not be done.
pub async fn run(args: RebuildArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let log = Log::open(&args.log.settings().await?)?;
    let (bar, mut code) = (Bar::new(), ExitCode::SUCCESS);
    let mut done = Vec::new();
    for service in args.which.services() {
        let database = audit::at(&args.databases, service)?;
        let tell = |progress| bar.tell(service, progress);
        if args.compare_only {
            let report = audit::one(service, &database, &log, COMPARED_WITHIN, tell).await?;
            bar.clear();
            code = if report.is_clean() { code } else { ExitCode::FAILURE };
            done.push(json!({ "service": service.name(), "compared": report }));
            if !args.json {
                audit::tell_report(&report, out)?;
            }
            continue;
        }
        let how =
            How { lose_unsent: args.lose_unsent, checkpoints: args.checkpoints.clone(), ..How::default() };
        let rebuilt = one(service, &database, &log, how, tell).await;
        bar.clear();
        match rebuilt {
            Ok(rebuilt) => {
                done.push(json!({ "service": service.name(), "rebuilt": rebuilt }));
                if !args.json {
                    tell_rebuilt(&rebuilt, out)?;
                }
            }
            Err(
                refused @ (FoldError::Alive { .. }
                | FoldError::Unsent { .. }
                | FoldError::Busy { .. }
                | FoldError::NoDatabase(_)
                | FoldError::NoBeginning { .. }),
            ) => {
                code = ExitCode::FAILURE;
                done.push(json!({ "service": service.name(), "refused": refused.to_string() }));
                if !args.json {
                    writeln!(out, "{}: refused: {refused}", service.name())?;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    if args.json {
        writeln!(out, "{:#}", json!({ "services": done }))?;
    }
    Ok(code)
}

fn tell_rebuilt(rebuilt: &Rebuilt, out: &mut impl Write) -> std::io::Result<()> {
    let Rebuilt { service, records, lost_events, from, passed_over, swap, passed } = rebuilt;
    writeln!(
        out,
        "{service}: rebuilt, {records} records of the log folded, swapped in {} ms",
        swap.as_millis()
    )?;
    for why in passed_over {
        writeln!(out, "  not used: {why}")?;
    }
    if let Some(from) = from {
        writeln!(out, "  begun with the checkpoint {from}")?;
    }
    if *lost_events > 0 {
        writeln!(out, "  lost: {lost_events} events that were decided and not sent")?;
    }
    audit::tell_passed(passed, out)?;
    writeln!(
        out,
        "  start it now: it reads its topics from the beginning, and decides only what is not in the log"
    )
}

/// Rebuilds one service; its database may be empty, and must be there.
pub async fn one(
    service: Service,
    database: &Database,
    log: &Log,
    how: How,
    tell: impl FnMut(Progress),
) -> Result<Rebuilt, FoldError> {
    let owner = database.owner().await?.ok_or(FoldError::NoDatabase(service.name()))?;
    match service {
        Service::Order => {
            migrated(database, &owner, &order::MIGRATOR).await?;
            let (facts, shelf) = (order::projection::Facts, order::store::Store);
            Box::pin(rebuild(facts, shelf, database, log, how, tell)).await
        }
        Service::Inventory => {
            migrated(database, &owner, &inventory::MIGRATOR).await?;
            let (facts, shelf) = (inventory::projection::Facts, inventory::store::Postgres);
            Box::pin(rebuild(facts, shelf, database, log, how, tell)).await
        }
        Service::Billing => {
            migrated(database, &owner, &billing::MIGRATOR).await?;
            let (facts, shelf) = (billing::projection::Facts, billing::store::Payments);
            Box::pin(rebuild(facts, shelf, database, log, how, tell)).await
        }
        Service::Email => {
            migrated(database, &owner, &email::MIGRATOR).await?;
            let (facts, shelf) = (email::projection::Facts, email::store::Store);
            Box::pin(rebuild(facts, shelf, database, log, how, tell)).await
        }
    }
}

/// A database that was lost and made anew has no tables yet. They belong to its owner, as if the service had made them: who rebuilds is often
/// another role, and the service could not use what is theirs.
async fn migrated(database: &Database, owner: &str, own: &sqlx::migrate::Migrator) -> Result<(), FoldError> {
    let migrators = [&messaging::migrations::MIGRATOR, own];
    let options = database.options().clone().options([("role", owner)]);
    service_kit::database::migrate(&options, None, &migrators)
        .await
        .map_err(|source| FoldError::Prepare(Box::new(source)))
}
