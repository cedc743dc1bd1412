//! `storectl sagas`: which orders have not come to their end, and what each waits for.

mod waits;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use invariants::Order;
use kernel::clock::SystemClock;
use kernel::{Clock as _, OrderId, Timestamp};
use messaging::dead_letters::{Filter, Summary};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::dead_letters::{DatabaseArgs, Keeper, Service};
use crate::programs::{Program, StoreArgs};

pub use waits::waits_for;

/// Exit codes: 0 nothing is stuck, or it was not asked for; 1 something is; 2 could not look
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the orders that are not settled, newest first, with what each waits for
    ///
    /// Where it is said where the databases are, also what is parked of each.
    List {
        /// Only those that are stuck: nothing happened to them for so long, or a record of theirs is parked
        #[arg(long)]
        stuck: bool,
        /// How long an order may wait before it is stuck
        #[arg(long, default_value = "1m", value_parser = service_kit::duration::parse)]
        older_than: Duration,
        /// Where the programs answer
        #[command(flatten)]
        store: StoreArgs,
        /// Where the dead letters are
        #[command(flatten)]
        databases: DatabaseArgs,
        /// Print one JSON document, for tools
        #[arg(long)]
        json: bool,
    },
    /// Show where one order is and which event it waits for, from whom
    Show {
        /// Its id
        order_id: OrderId,
        /// Where the programs answer
        #[command(flatten)]
        store: StoreArgs,
        /// Where the dead letters are
        #[command(flatten)]
        databases: DatabaseArgs,
        /// Print one JSON document, for tools
        #[arg(long)]
        json: bool,
    },
}

const PAGE: usize = 100;

#[derive(Debug, Deserialize)]
struct Page {
    items: Vec<Dated>,
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Dated {
    #[serde(flatten)]
    order: Order,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Parked records by service, of one key.
type Parked = Vec<(Service, Summary)>;

/// An order and where it hangs.
struct Saga {
    dated: Dated,
    parked: Parked,
    now: Timestamp,
}

/// Does what was asked. `Err`: it could not look.
pub async fn run(command: Command, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { stuck, older_than, store, databases, json } => {
            let mut sagas = unsettled(&Client::new(store.urls())?, &databases).await?;
            sagas.retain(|saga| !stuck || saga.is_stuck(older_than));
            tell(&sagas, json, out)?;
            Ok(if stuck && !sagas.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Command::Show { order_id, store, databases, json } => {
            let client = Client::new(store.urls())?;
            let path = format!("/orders/{order_id}");
            let (status, answer) = client.call(Method::GET, Program::Order, &path, None).await?;
            if status != StatusCode::OK {
                bail!("GET {path}: {status} {}", answer["detail"].as_str().unwrap_or_default());
            }
            let dated = serde_json::from_value(answer).with_context(|| format!("cannot read {path}"))?;
            let filter = Filter { key: Some(order_id.to_string()), ..Filter::default() };
            let parked = parked(&databases, &filter).await?.into_iter().map(|(_, one)| one).collect();
            tell(&[Saga { dated, parked, now: SystemClock.now() }], json, out)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn unsettled(client: &Client, databases: &DatabaseArgs) -> anyhow::Result<Vec<Saga>> {
    let mut parked_of = BTreeMap::<String, Parked>::new();
    for (key, one) in parked(databases, &Filter::default()).await? {
        parked_of.entry(key).or_default().push(one);
    }
    let mut sagas = Vec::new();
    let mut path = format!("/orders?limit={PAGE}");
    loop {
        let page = client.get(Program::Order, &path).await?;
        let page: Page = serde_json::from_value(page).with_context(|| format!("cannot read {path}"))?;
        let now = SystemClock.now();
        for dated in page.items.into_iter().filter(|dated| !dated.order.settled) {
            let parked = parked_of.remove(&dated.order.order_id.to_string()).unwrap_or_default();
            sagas.push(Saga { dated, parked, now });
        }
        let Some(cursor) = page.next_cursor else { return Ok(sagas) };
        path = format!("/orders?limit={PAGE}&cursor={cursor}");
    }
}

/// By key, of the services whose databases are known.
pub(crate) async fn parked(
    databases: &DatabaseArgs,
    filter: &Filter,
) -> anyhow::Result<Vec<(String, (Service, Summary))>> {
    let mut parked = Vec::new();
    for service in Service::ALL.into_iter().filter(|service| databases.knows(*service)) {
        let letters = databases.of(&Keeper::Service(service))?.list(filter).await?;
        let keyed = letters.into_iter().map(|one| (one.key.clone().unwrap_or_default(), (service, one)));
        parked.extend(keyed);
    }
    Ok(parked)
}

impl Saga {
    fn is_stuck(&self, older_than: Duration) -> bool {
        !self.parked.is_empty() || self.now.since(self.dated.updated_at) > older_than
    }

    fn waits(&self) -> Vec<String> {
        let Order { status, progress, settled, .. } = &self.dated.order;
        let steps = if *settled { Vec::new() } else { waits_for(*status, *progress) };
        let said = |step: &invariants::Step| {
            let hangs = self.parked.iter().filter(|(service, _)| service.name() == step.service).count();
            let hangs =
                if hangs > 0 { format!("; {hangs} records of it are parked there") } else { String::new() };
            format!("{step}{hangs}")
        };
        steps.iter().map(said).collect()
    }

    fn document(&self) -> Value {
        let Dated { order, created_at, updated_at } = &self.dated;
        let parked = self.parked.iter().map(|(service, letter)| {
            let mut letter = serde_json::to_value(letter).unwrap_or_default();
            letter["service"] = service.name().into();
            letter
        });
        json!({
            "order_id": order.order_id, "status": order.status.name(), "progress": order.progress.to_string(),
            "settled": order.settled, "created_at": created_at, "updated_at": updated_at,
            "waits_s": self.now.since(*updated_at).as_secs(), "waits_for": self.waits(),
            "parked": parked.collect::<Vec<_>>(),
        })
    }
}

fn tell(sagas: &[Saga], json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        let items: Vec<Value> = sagas.iter().map(Saga::document).collect();
        return writeln!(out, "{:#}", json!({"items": items}));
    }
    for saga in sagas {
        let Dated { order, updated_at, .. } = &saga.dated;
        let (waits, status) = (saga.now.since(*updated_at).as_secs(), order.status.name());
        let settled = if order.settled { "settled" } else { "not settled" };
        writeln!(out, "order {} is {status}, {settled}: {}; for {waits} s", order.order_id, order.progress)?;
        for wait in saga.waits() {
            writeln!(out, "  waits for {wait}")?;
        }
        for (service, Summary { id, topic, kind, reason, .. }) in &saga.parked {
            let reason = reason.replace(char::is_control, " ");
            writeln!(out, "  parked: {} {id}, {topic}, {kind}: {reason}", service.name())?;
        }
    }
    writeln!(out, "{} orders", sagas.len())
}
