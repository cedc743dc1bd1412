//! What can be said of dead letters on the command line.

use std::time::Duration;

use clap::{Args, Subcommand};
use kernel::clock::SystemClock;
use kernel::{Clock as _, Timestamp};
use messaging::dead_letters::Filter;

use super::databases::{DatabaseArgs, Keeper};

/// Exit codes: 0 done; 1 something was refused, or is parked as before; 2 could not look; 3 the service has not done it yet
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what is parked, of one service or listener or of all four services, in the order of the log
    List {
        /// Only of this service, or of the listener with this name
        #[arg(long)]
        service: Option<Keeper>,
        /// Which
        #[command(flatten)]
        filter: FilterArgs,
        /// Also those that were redriven or discarded
        #[arg(long)]
        settled: bool,
        /// Where
        #[command(flatten)]
        databases: DatabaseArgs,
        /// Print one JSON document, for tools
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter: what it says, its headers, why it is parked, and what was done with it by whom
    ///
    /// The event is read by the schema it was written with. What a payment can be made with, and what says who somebody is, is
    /// not shown.
    Show {
        /// The service that parked it, or the name of the listener
        service: Keeper,
        /// Its number in `list`
        id: i64,
        /// Where
        #[command(flatten)]
        databases: DatabaseArgs,
        /// Address of the schema registry's Confluent-compatible API
        #[arg(long, env = "REGISTRY_URL", default_value = "http://127.0.0.1:8081/apis/ccompat/v7")]
        registry_url: String,
        /// Print one JSON document, for tools
        #[arg(long)]
        json: bool,
    },
    /// Have parked records handled again: by the service, with its handler and its inbox, in the order of each key
    ///
    /// The running service does it; when it is not running, the request is kept and done at its start (exit code 3). A record
    /// that still cannot be handled stays parked, and so does all that is behind it of its key.
    Redrive(ActArgs),
    /// Give parked records up for ever: they are kept, never handled, and what is behind them can be redriven
    Discard(ActArgs),
}

/// Something to be done.
#[derive(Args, Debug)]
pub struct ActArgs {
    /// The service that parked them, or the name of the listener
    pub service: Keeper,
    /// Their numbers in `list`
    #[arg(required_unless_present_any = ["topic", "kind", "key", "record", "since", "all"])]
    pub ids: Vec<i64>,
    /// Which
    #[command(flatten)]
    pub filter: FilterArgs,
    /// All that is parked by this service
    #[arg(long, conflicts_with_all = ["ids", "topic", "kind", "key", "record", "since"])]
    pub all: bool,
    /// And all others that are parked of their keys; a redrive also takes what comes behind them meanwhile
    #[arg(long)]
    pub all_of_key: bool,
    /// Who wants it; kept with the letters for ever
    #[arg(long, env = "USER")]
    pub who: String,
    /// Why; kept with the letters for ever. A discard must say
    #[arg(long)]
    pub reason: Option<String>,
    /// What is told
    #[command(flatten)]
    pub answer: AnswerArgs,
    /// Where
    #[command(flatten)]
    pub databases: DatabaseArgs,
}

/// What is told of it.
#[derive(Args, Debug)]
pub struct AnswerArgs {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long to wait for the service
    #[arg(long, default_value = "60s", value_parser = service_kit::duration::parse)]
    pub within: Duration,
    /// Print one JSON document, for tools
    #[arg(long)]
    pub json: bool,
}

/// Which letters; all that is given must hold.
#[derive(Args, Clone, Debug)]
pub struct FilterArgs {
    /// Of this topic, without prefix
    #[arg(long)]
    topic: Option<String>,
    /// Parked for this
    #[arg(long, value_parser = ["undecodable", "refused", "panicked", "failed", "behind"])]
    kind: Option<String>,
    /// Of this key, or of the order with this id
    #[arg(long)]
    key: Option<String>,
    /// Of this record: its full name, or the part behind the last dot
    #[arg(long)]
    record: Option<String>,
    /// Parked since then: a time such as 2026-05-01T12:00:00Z, or so long ago, such as 2h
    #[arg(long, value_parser = since)]
    since: Option<Timestamp>,
    /// At most so many, in the order of the log
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl FilterArgs {
    /// As messaging takes it.
    pub(super) fn with(&self, ids: &[i64]) -> Filter {
        let Self { topic, kind, key, record, since, limit } = self.clone();
        Filter { ids: ids.to_vec(), topic, kind, key, record, since, settled: false, letters_max: limit }
    }
}

fn since(text: &str) -> Result<Timestamp, String> {
    if let Some(at) = Timestamp::parse(text) {
        return Ok(at);
    }
    let ago = service_kit::duration::parse(text)
        .map_err(|_| "expected a time such as 2026-05-01T12:00:00Z, or so long ago, such as 2h".to_owned())?;
    let micros = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
    Ok(Timestamp::from_micros(SystemClock.now().as_micros().saturating_sub(micros))
        .unwrap_or(Timestamp::EPOCH))
}
