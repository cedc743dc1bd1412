//! `storectl doctor`: whether all that is to be read from the log is still in it.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use fold::Database;
use fold::checkpoint::{Place, list};
use messaging::log::{Extent, Log};
use messaging::standing;
use serde::Serialize;
use serde_json::json;

use crate::checkpoint::{Unshown, place};
use crate::dead_letters::{DatabaseArgs, Service};
use crate::demo::LogArgs;

/// The listener that stores have, unless they do without.
const USUAL: &str = "analytics";

/// What is said on the command line.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Where checkpoints are, a folder or a URL; without it none are looked at
    #[arg(long, value_name = "PLACE", env = "CHECKPOINT_FOLDER", value_parser = Unshown(place))]
    checkpoints: Option<Place>,
    /// Listeners that are looked at beside the services: the name of the group, which is that of the database. Unless some are named:
    /// analytics, where it has a database
    #[arg(long = "listener", value_name = "NAME")]
    listeners: Vec<String>,
    /// Print one JSON document, for tools
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    databases: DatabaseArgs,
}

/// Something that is to be read from the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// Whose.
    pub of: String,
    /// What: `topic/partition`, or a checkpoint.
    pub what: String,
    /// Where it goes on, or what it says of itself.
    pub at: String,
    /// What is wrong, and what to do.
    pub wrong: Option<String>,
}

/// Does it. `Err`: it could not look.
pub async fn run(args: DoctorArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let extents = Log::open(&args.log.kafka())?.extents(events::topics::ALL).await?;
    let mut looked = Vec::new();
    let mut left_out = None;
    let services = Service::ALL.iter().map(|service| (service.name(), args.databases.address(*service)));
    let listeners = args.listeners.iter().map(|name| (name.as_str(), args.databases.address_of(name)));
    for (name, address) in services.chain(listeners) {
        looked.extend(positions(name, &at(name, address)?, &extents).await?);
    }
    if args.listeners.is_empty() {
        let database = at(USUAL, args.databases.address_of(USUAL))?;
        if database.exists().await? {
            looked.extend(positions(USUAL, &database, &extents).await?);
        } else {
            left_out = Some(format!(
                "{USUAL} is not looked at: it has no database here, so it has never run; --listener names others"
            ));
        }
    }
    if let Some(place) = &args.checkpoints {
        for service in Service::ALL {
            looked.extend(checkpoints(service, place, &extents).await?);
        }
    }
    let wrong = looked.iter().filter(|one| one.wrong.is_some()).count();
    if args.json {
        writeln!(out, "{:#}", json!({ "looked_at": looked, "outside": wrong, "left_out": left_out }))?;
    } else {
        for Looked { of, what, at, wrong } in &looked {
            let wrong = wrong.as_ref().map_or("inside".to_owned(), |wrong| format!("OUTSIDE: {wrong}"));
            writeln!(out, "{of} {what} at {at}: {wrong}")?;
        }
        if let Some(left_out) = left_out {
            writeln!(out, "{left_out}")?;
        }
        writeln!(out, "{} places looked at, {wrong} outside the log", looked.len())?;
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn at(name: &str, address: anyhow::Result<(String, Option<String>)>) -> anyhow::Result<Database> {
    let (url, password) = address?;
    Ok(Database::at(name, &url, password.as_deref())?)
}

/// Where a service, or a listener, goes on.
pub async fn positions(name: &str, database: &Database, extents: &[Extent]) -> anyhow::Result<Vec<Looked>> {
    let mut connection = database.connect().await?;
    let found = standing::positions(&mut connection).await?;
    let look = |((topic, partition), next): ((String, i32), i64)| Looked {
        of: name.to_owned(),
        what: format!("{topic}/{partition}"),
        at: next.to_string(),
        wrong: wrong(&topic, partition, next, extents),
    };
    Ok(found.into_iter().map(look).collect())
}

fn wrong(topic: &str, partition: i32, next: i64, extents: &[Extent]) -> Option<String> {
    let mut all = extents.iter();
    let Some(&Extent { low, end, .. }) = all.find(|one| one.topic == topic && one.partition == partition)
    else {
        return Some(
            "the log has no such partition: it was made anew with fewer, or this is another store".to_owned(),
        );
    };
    if next < low {
        return Some(format!(
            "the log begins at {low}, so {} records are gone that it has not read: a service is rebuilt from a checkpoint behind them, a listener replayed from what is left (storectl replay --from beginning)",
            low - next
        ));
    }
    (next > end).then(|| {
        format!("the log ends at {end}: the topic was made anew; rebuild the service, or replay the listener")
    })
}

/// The checkpoints of a service: whether the log goes on from them, and from one at all.
pub async fn checkpoints(service: Service, place: &Place, extents: &[Extent]) -> anyhow::Result<Vec<Looked>> {
    let mut looked = Vec::new();
    for found in list(place, service.name()).await? {
        let (at, wrong) = match found.verify().await {
            Err(wrong) => ("an unknown place".to_owned(), Some(format!("{wrong}; prune it"))),
            Ok(manifest) => {
                let outside = manifest.outside(extents).into_iter().next();
                let said = outside.and_then(|(at, _)| {
                    let wrong = wrong(&at.topic, at.partition, at.next, extents)?;
                    Some(format!("{}/{} at {}: {wrong}; no rebuild can go on from it: make a new checkpoint and prune this one", at.topic, at.partition, at.next))
                });
                (manifest.at.clone(), said)
            }
        };
        looked.push(Looked { of: service.name().to_owned(), what: found.path.clone(), at, wrong });
    }
    Ok(looked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_outside_before_the_first_record_and_behind_the_last() {
        let extents = [Extent { topic: "orders", partition: 0, low: 5, end: 9 }];
        let said = |next| wrong("orders", 0, next, &extents);
        assert_eq!((said(5), said(9)), (None, None));
        assert!(said(4).unwrap().contains("1 records are gone"));
        assert!(said(10).unwrap().contains("made anew"));
        assert!(wrong("orders", 1, 5, &extents).unwrap().contains("no such partition"));
    }
}
