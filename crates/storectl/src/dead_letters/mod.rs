//! `storectl dead-letters`: what the services could not handle, and what somebody decides to do about it.

mod args;
mod databases;
mod tell;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use messaging::Settings;
use messaging::dead_letters::{DeadLetters, Progress, Refusal, Summary, What, Wish};
use serde_json::json;
use tokio::time::Instant;

use self::args::ActArgs;
pub use args::{Command, FilterArgs};
pub use databases::{DatabaseArgs, Keeper, Service};
pub use tell::masked;

const LOOK_EVERY: Duration = Duration::from_millis(100);
const NOT_YET: u8 = 3;

/// Does what was asked. `Err`: it could not look.
pub async fn run(command: Command, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { service, filter, settled, databases, json } => {
            let keepers = service.map_or(Service::ALL.map(Keeper::Service).to_vec(), |one| vec![one]);
            let mut listed: Vec<(Keeper, Vec<Summary>)> = Vec::new();
            for keeper in keepers {
                let filter = messaging::dead_letters::Filter { settled, ..filter.with(&[]) };
                let letters = databases.of(&keeper)?.list(&filter).await?;
                listed.push((keeper, letters));
            }
            tell::list(&listed, json, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { service, id, databases, registry_url, json } => {
            let settings = Settings::new("", registry_url);
            let Some(whole) = databases.of(&service)?.show(id, &settings).await? else {
                bail!("{} has no dead letter {id}", service.name());
            };
            tell::show(&service, &whole, json, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Redrive(args) => act(What::Redrive, args, out).await,
        Command::Discard(args) => act(What::Discard, args, out).await,
    }
}

async fn act(what: What, args: ActArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let letters = args.databases.of(&args.service)?;
    let filter = args.filter.with(&args.ids);
    let wish = Wish { what, filter, whole_keys: args.all_of_key, who: args.who, why: args.reason };
    let asked = if args.answer.dry_run { letters.look_ahead(&wish).await } else { letters.ask(&wish).await };
    let asked = match asked {
        Ok(asked) => asked,
        Err(Refusal::Store(error)) => return Err(error.into()),
        Err(refusal) => {
            if args.answer.json {
                writeln!(
                    out,
                    "{:#}",
                    json!({"service": args.service.name(), "refused": refusal.to_string()})
                )?;
            } else {
                writeln!(out, "refused: {refusal}")?;
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    let Some(action) = asked.action else {
        tell::would(&args.service, what, &asked, args.answer.json, out)?;
        return Ok(ExitCode::SUCCESS);
    };
    let progress = until_done(&letters, action, args.answer.within).await?;
    tell::outcome(&args.service, what, &asked, &progress, args.answer.json, out)?;
    Ok(code(&progress))
}

/// As far as it came within that time.
async fn until_done(letters: &DeadLetters, action: i64, within: Duration) -> anyhow::Result<Progress> {
    let end = Instant::now() + within;
    loop {
        let progress = letters.progress(action).await?;
        if progress.done || Instant::now() >= end {
            return Ok(progress);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn code(progress: &Progress) -> ExitCode {
    if !progress.done {
        ExitCode::from(NOT_YET)
    } else if progress.failed + progress.behind > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
