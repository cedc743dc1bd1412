//! The command line.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use invariants::Depth;
use messaging::admin::Outcome;

use crate::client::Client;
use crate::demo::LogArgs;
use crate::order::OrderArgs;
use crate::programs::StoreArgs;
use crate::record::RecordArgs;
use crate::replay::ReplayArgs;
use crate::seed::{CUSTOMER, Customer, Seeded, seed};
use crate::{
    audit, check, checkpoint, dead_letters, demo, doctor, order, rebuild, record, replay, sagas, schemas,
    topics,
};

/// Tools of the store: its schemas and topics, something to buy in a running one, a day at it, and whether it is in order
#[derive(Debug, Parser)]
#[command(name = "storectl", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// As clap exits when arguments are wrong.
const COULD_NOT_LOOK: u8 = 2;

#[derive(Debug, Subcommand)]
enum Command {
    /// The Avro schemas of the events
    #[command(subcommand)]
    Schemas(schemas::cli::Command),
    /// The topics in Kafka
    #[command(subcommand)]
    Topics(Topics),
    /// List a small catalogue in a running store and register a customer; what is there stays as it is
    ///
    /// Safe to run at each start. Returns when the products can be ordered. Exits with 1 when that takes too long, and says
    /// which program it waited for.
    Seed {
        #[command(flatten)]
        store: StoreArgs,
        /// How long to wait for programs that are not ready yet
        #[arg(long, default_value = "2m", value_parser = service_kit::duration::parse)]
        within: Duration,
    },
    /// Play a scripted day at a running store, print it as a story, check what came of it. Exits with 1 when anything differs
    ///
    /// It has products and customers of its own, and can be played again and beside others. The story is read from the log in
    /// Kafka; where that cannot be followed, the order service tells it. The scene for which a program must be stopped is left
    /// out, and the output says so.
    Demo {
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        log: LogArgs,
        /// How long to wait for programs that are not ready yet
        #[arg(long, default_value = "30s", value_parser = service_kit::duration::parse)]
        within: Duration,
    },
    /// Look at all that is in a running store and say which invariants of the business are broken
    ///
    /// Asks nothing but the HTTP APIs of the five programs, once, and changes nothing: orders, stock, reservations, payments,
    /// mails, and the gateway's own ledger. Each violation is a sentence: the order or the product, what is expected, what
    /// was found, and the events involved. It waits for nothing: an order that is under way is named separately and is no
    /// violation; one that stays so when asked again is stuck. What no API tells is left out, and the output says so: above
    /// all whether on hand + sold is what was received.
    ///
    /// Exits with 0 when no violation was found, with 1 when there is one, with 2 when it could not look: a program does not
    /// answer, or an argument is wrong. The error then says which, and nothing is on standard output.
    Check {
        #[command(flatten)]
        store: StoreArgs,
        /// Print one JSON document, for tools
        #[arg(long)]
        json: bool,
        /// Read the lists alone, not three calls for each order: for a store with very many of them
        #[arg(long)]
        quick: bool,
    },
    /// Hold the tables of a service to the log while the service runs: fold all of it again, and compare row by row
    ///
    /// Each difference is named: table, key, column, what is there, what the log says, and the last event. A row that is merely
    /// moving is looked at again; what could not be compared is named, and so are the keys with parked records, which are left
    /// out. `all` also looks across services, over their HTTP APIs: stock sold = orders confirmed, money captured = the gateway's
    /// ledger. Nothing is changed; the tables it folds into are dropped in the end.
    ///
    /// Exits with 0 when nothing differs, with 1 when something does, with 2 when it could not look at everything.
    Audit(audit::AuditArgs),
    /// Make the tables of a service anew from the log, without deciding, mailing or charging anything again
    ///
    /// Folds the log into tables beside the live ones, also while the service runs; to put them in their place the service must
    /// be stopped. Interrupted, it goes on where it was. Lost are events that were decided and never reached the log, and
    /// Idempotency-Keys where the database was lost.
    ///
    /// Exits with 0 when it is done, with 1 when it was refused, with 2 when it could not be done.
    Rebuild(rebuild::RebuildArgs),
    /// Copies of what is folded of a service, from which a rebuild goes on instead of the beginning of the log
    ///
    /// Files with checksums, in a folder or an object store. Nothing of compacted topics is in them, so nobody's name or address.
    ///
    /// Exits with 2 when it could not be done.
    #[command(subcommand)]
    Checkpoint(checkpoint::Command),
    /// Say whether every position of services and listeners, and every checkpoint, is inside what the log still has
    ///
    /// Each is named, with what to do about one that is outside. Changes nothing.
    ///
    /// Exits with 0 when all are inside, with 1 when one is not, with 2 when it could not look.
    Doctor(doctor::DoctorArgs),
    /// Records that the services could not handle: look at them, have them handled again, or give them up
    ///
    /// Exits with 0 when it is done, with 1 when something was refused or is parked as before, with 2 when it could not look,
    /// with 3 when the service has not done it yet: the request is kept, and done when the service runs.
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// Orders that have not come to their end, and which event each waits for
    ///
    /// Exits with 1 when `list --stuck` finds one, with 2 when it could not look.
    #[command(subcommand)]
    Sagas(sagas::Command),
    /// The whole story of one order: every event of it in the log, causes before effects, and what each service knew when
    ///
    /// Reads the log in Kafka, and the services only to know where the story ends: without them it reads on to the end of the
    /// log. Shows no payment token and nothing of who somebody is. Where it is said where the databases are, also what is
    /// parked of the order.
    ///
    /// Exits with 0 when it is told, with 1 when there is no such order, with 2 when it could not look: Kafka, the registry or a
    /// database does not answer, or an argument is wrong. The error then says which, and what to do.
    Order(Box<OrderArgs>),
    /// Have a listener hear again what it heard before: a consumer with a database of its own that publishes and calls nothing
    ///
    /// Sets its position back, while nobody reads for it: both the broker and its database are asked. Its inbox forgets the
    /// events, tables that would count twice are emptied, and who wanted it and why is kept. It hears them when it is started
    /// again. A service with effects on others is refused: it is won back by a rebuild.
    ///
    /// Exits with 0 when it is done, or would be, with 1 when it was refused, with 2 when it could not look.
    Replay(Box<ReplayArgs>),
    /// Save a span of the log as Avro container files that any Avro tool can read, with the schemas inside
    ///
    /// Reads all topics but the one that says who customers are, and leaves out what payments can be made with. The time of an
    /// event decides whether it is in the span. The folder gets its name when everything is on the disk; `manifest.json` in it
    /// has the counts and checksums.
    ///
    /// Exits with 0 when it is saved, with 2 when it could not be: there is no folder then.
    Record(Box<RecordArgs>),
}

#[derive(Debug, Subcommand)]
enum Topics {
    /// Make the topics that are not there yet. Exits with 1 when one has another number of partitions
    Create {
        /// Kafka brokers, host:port, comma separated
        #[arg(long, env = "KAFKA_BOOTSTRAP")]
        kafka_bootstrap: String,
        /// Put before the name of every topic (several stores on one cluster)
        #[arg(long, env = "TOPIC_PREFIX", default_value = "", value_parser = prefix)]
        prefix: String,
        /// Partitions of each topic, fixed for its life
        #[arg(long, env = "TOPIC_PARTITIONS", default_value_t = topics::PARTITIONS,
              value_parser = clap::value_parser!(i32).range(1..=1000))]
        partitions: i32,
    },
}

/// Does what was asked; `out` gets the answer. `FAILURE`: it was done, and the answer is no.
pub async fn run(cli: Cli, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match cli.command {
        // To publish and to push is not to look: their errors are failures like any.
        Command::Schemas(command) if command.looks() => {
            Ok(or_could_not_look(schemas::cli::run(command, out).await))
        }
        Command::Schemas(command) => schemas::cli::run(command, out).await,
        Command::Topics(Topics::Create { kafka_bootstrap, prefix, partitions }) => {
            create(&kafka_bootstrap, &prefix, partitions, out).await
        }
        Command::Seed { store, within } => {
            tell(&seed(&Client::new(store.urls())?, within).await?, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Demo { store, log, within } => {
            demo::visit(&Client::new(store.urls())?, &log, within).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { store, json, quick } => {
            let depth = if quick { Depth::Lists } else { Depth::Everything };
            Ok(or_could_not_look(look(&store, depth, json, out).await))
        }
        Command::Replay(args) => Ok(or_could_not_look(replay::run(*args, out).await)),
        Command::Record(args) => Ok(or_could_not_look(Box::pin(record::run(*args, out)).await)),
        Command::Order(args) => Ok(or_could_not_look(order::run(*args, out).await)),
        Command::Audit(args) => Ok(or_could_not_look(Box::pin(audit::run(args, out)).await)),
        Command::Rebuild(args) => Ok(or_could_not_look(Box::pin(rebuild::run(args, out)).await)),
        Command::Checkpoint(command) => Ok(or_could_not_look(Box::pin(checkpoint::run(command, out)).await)),
        Command::Doctor(args) => Ok(or_could_not_look(Box::pin(doctor::run(args, out)).await)),
        Command::Sagas(command) => Ok(or_could_not_look(sagas::run(command, out).await)),
        Command::DeadLetters(command) => Ok(or_could_not_look(dead_letters::run(command, out).await)),
    }
}

/// A script must tell a no from a store it could not look at: here an error has a code of its own, the one that wrong
/// arguments have.
fn or_could_not_look(answer: anyhow::Result<ExitCode>) -> ExitCode {
    answer.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error:#}");
        ExitCode::from(COULD_NOT_LOOK)
    })
}

async fn look(store: &StoreArgs, depth: Depth, json: bool, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let report = check::visit(&Client::new(store.urls())?, depth).await?;
    if json {
        writeln!(out, "{:#}", report.document())?;
    } else {
        report.tell(out)?;
    }
    Ok(if report.in_order() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn create(
    bootstrap: &str,
    prefix: &str,
    partitions: i32,
    out: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for topic in topics::create(bootstrap, prefix, partitions).await? {
        match topic.outcome {
            Outcome::Made => writeln!(out, "{}: made, {partitions} partitions", topic.name)?,
            Outcome::AlreadyThere => writeln!(out, "{}: already there", topic.name)?,
            Outcome::OtherPartitions { found } => {
                code = ExitCode::FAILURE;
                writeln!(
                    out,
                    "{}: has {found} partitions, not {partitions}: keep {found}, more would break the order of keys",
                    topic.name
                )?;
            }
        }
    }
    Ok(code)
}

fn tell(seeded: &Seeded, out: &mut impl Write) -> io::Result<()> {
    for sku in &seeded.listed {
        writeln!(out, "{sku}: listed, and on the shelf")?;
    }
    match seeded.customer {
        Customer::Known => {}
        Customer::New => writeln!(out, "customer {CUSTOMER}: registered")?,
        Customer::Erased => writeln!(out, "customer {CUSTOMER}: was erased, and stays so; register another")?,
    }
    writeln!(out, "the catalogue can be ordered")
}

/// What Kafka takes in a name, and short enough to leave room for one.
pub(crate) fn prefix(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if text.len() <= 100 && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("expected up to 100 of A-Z a-z 0-9 . _ -".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_every_argument_is_explained() {
        let mut command = Cli::command();
        command.build();
        let mut open = vec![command];
        while let Some(command) = open.pop() {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {} has no help",
                    command.get_name(),
                    argument.get_id()
                );
            }
            open.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn an_address_that_is_none_names_the_setting() {
        for wrong in ["localhost:8101", "ftp://store", "http://store?a=b", ""] {
            let error = Cli::try_parse_from(["storectl", "seed", "--order-url", wrong]).unwrap_err();
            assert!(error.to_string().contains("--order-url"), "{error}");
        }
    }

    #[test]
    fn a_place_with_a_secret_in_it_is_refused_without_showing_it() {
        for args in [
            &["checkpoint", "list", "--checkpoints", "s3://key:geheim@bucket/a"][..],
            &["checkpoint", "create", "all", "--to", "s3://bucket/a?token=geheim"],
            &[
                "replay",
                "--to-group",
                "a",
                "--dry-run",
                "--from",
                "checkpoint:s3://key:geheim@bucket/a/order/1",
            ],
        ] {
            let error = Cli::try_parse_from([&["storectl"], args].concat()).unwrap_err().to_string();
            assert!(
                error.contains("environment") && error.contains("--") && !error.contains("geheim"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_wrong_value_names_the_setting() {
        let args = ["storectl", "topics", "create", "--kafka-bootstrap", "k:1", "--prefix", "a b"];
        let error = Cli::try_parse_from(args).unwrap_err().to_string();
        assert!(error.contains("--prefix") && error.contains("a b"), "{error}");
    }
}
