//! `storectl replay`: has a listener hear again what it heard before.

mod since;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use fold::checkpoint::Place;
use messaging::replay::{Plan, Refusal, Replays, Wish};
use serde_json::json;

use self::since::Since;
use crate::checkpoint::{Unshown, place};
use crate::dead_letters::{DatabaseArgs, Service};
use crate::demo::LogArgs;

/// What is replayed to whom, and who wants it.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// The listener: its group, which is its name and that of its database, without prefix
    #[arg(long)]
    to_group: String,
    /// Only this topic, without prefix, instead of all it reads
    #[arg(long)]
    topic: Option<String>,
    /// Where to begin: `beginning`, a time such as 2026-05-01T12:00:00Z, an offset, or `checkpoint:SERVICE`, where the newest whole
    /// checkpoint of a service goes on (`checkpoint:` and one as `checkpoint list` names it: that one)
    #[arg(long, value_name = "BEGINNING", value_parser = Unshown(since::parse))]
    from: Since,
    /// Where checkpoints are, a folder or a URL; only for `--from checkpoint:…`
    #[arg(long, value_name = "PLACE", env = "CHECKPOINT_FOLDER", value_parser = Unshown(place))]
    checkpoints: Option<Place>,
    /// Say what would happen, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Who wants it; kept with the replay for ever
    #[arg(long, value_name = "NAME", env = "USER", default_value = "")]
    by: String,
    /// Why; kept with the replay for ever. Needed unless it is a dry run
    #[arg(long, value_name = "TEXT", default_value = "", required_unless_present = "dry_run")]
    why: String,
    /// Print one JSON document, for tools
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    databases: DatabaseArgs,
}

/// Why not, for people.
type Refused = String;

/// Does what was asked. `Err`: it could not look.
pub async fn run(args: ReplayArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let replayed = replay(&args).await?;
    let refused = replayed.is_err();
    if args.json {
        document(&args, &replayed, out)?;
    } else {
        tell(&args, &replayed, out)?;
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The inner `Err` is a no; the outer one, that somebody does not answer.
async fn replay(args: &ReplayArgs) -> anyhow::Result<Result<Plan, Refused>> {
    let group = &args.to_group;
    // Known to publish, whatever its database says, and whether that answers or not.
    if Service::ALL.iter().any(|service| service.name() == group) {
        return Ok(Err(Refusal::NotAListener(group.clone()).to_string()));
    }
    let from = match args.from.begin(args.checkpoints.as_ref()).await? {
        Ok(from) => from,
        Err(refused) => return Ok(Err(refused)),
    };
    let settings = args.log.kafka();
    let (url, password) = args.databases.address_of(group)?;
    // What is wrong with an address is not shown: there is a password in it.
    let replays = Replays::at(&url, password.as_deref()).map_err(|_| {
        anyhow::anyhow!("the address of the database of {group} is not of the form postgres://role:password@host:port/database")
    })?;
    let wish = Wish {
        group: group.clone(),
        topic: args.topic.clone(),
        from,
        who: args.by.clone(),
        why: args.why.clone(),
    };
    let replayed = if args.dry_run {
        replays.look_ahead(&settings, &wish).await
    } else {
        replays.carry_out(&settings, &wish).await
    };
    match replayed {
        Err(refusal) if refusal.is_outage() => Err(anyhow::Error::from(refusal)
            .context(format!("cannot replay to {group}; see --kafka-bootstrap and --database-url"))),
        other => Ok(other.map_err(|refusal| refusal.to_string())),
    }
}

fn document(args: &ReplayArgs, replayed: &Result<Plan, Refused>, out: &mut impl Write) -> io::Result<()> {
    let document = match replayed {
        Ok(plan) => {
            json!({"group": args.to_group, "replay": plan.replay, "dry_run": args.dry_run, "parts": plan.parts,
                   "records": plan.records(), "empties": plan.empties})
        }
        Err(refusal) => json!({"group": args.to_group, "refused": refusal}),
    };
    writeln!(out, "{document:#}")
}

fn tell(args: &ReplayArgs, replayed: &Result<Plan, Refused>, out: &mut impl Write) -> io::Result<()> {
    let group = &args.to_group;
    let plan = match replayed {
        Ok(plan) => plan,
        Err(refusal) => return writeln!(out, "refused: {refusal}"),
    };
    for part in &plan.parts {
        let records = part.to - part.from;
        writeln!(
            out,
            "{}/{}: from {} back to {}, {records} records",
            part.topic, part.partition, part.to, part.from
        )?;
    }
    for table in &plan.empties {
        writeln!(out, "the table {table} {} emptied", if args.dry_run { "would be" } else { "is" })?;
    }
    let records = plan.records();
    match plan.replay {
        Some(id) => writeln!(out, "replay {id}: {group} hears {records} records again when it is started"),
        None => writeln!(out, "{group} would hear {records} records again; nothing is changed"),
    }
}
