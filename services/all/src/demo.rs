//! `counterflow demo`: the scripted day of `storectl demo`, at a store of its own.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use messaging::TraceMode;
use messaging::log::Log;
use order::config::OrderArgs;
use service_kit::config::CorsArgs;
use stack::{Options, Progress, Stack};
use storectl::demo::{Control, Story, progress};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::launch::{Plan, Program, Store};

const READY_WITHIN: Duration = Duration::from_mins(1);
/// Longer than the slowest token takes, short enough to be watched.
const DEADLINE: Duration = Duration::from_secs(7);
/// What is under way at the end of the day comes to its end much sooner.
const AUDITED_WITHIN: Duration = Duration::from_secs(30);

/// Plays the day in a store of its own under `dir`; an error when anything is not as it should be.
pub async fn play(dir: &Path, shutdown: CancellationToken) -> anyhow::Result<()> {
    let started = Instant::now();
    stack::reset(dir)?;
    let options = Options { progress: Progress::Stderr, ..Options::new(dir) };
    let Some(stack) = shutdown.run_until_cancelled(Stack::start(options)).await else { return Ok(()) };
    let stack = stack?;
    let plan = Plan {
        endpoints: stack.endpoints().clone(),
        topic_prefix: String::new(),
        database_prefix: "demo_".to_owned(),
        partitions: storectl::topics::PARTITIONS,
        ports: [0; 5],
        dir: dir.join("store"),
        orders: OrderArgs { order_deadline: DEADLINE, ..OrderArgs::default() },
        smtp_url: None,
        cors: CorsArgs::default(),
        trace_mode: TraceMode::Parent,
    };
    let outcome = shutdown.run_until_cancelled(Box::pin(day(plan, started))).await;
    stack.stop().await?;
    stack::reset(dir)?;
    outcome.unwrap_or_else(|| bail!("interrupted"))
}

async fn day(plan: Plan, started: Instant) -> anyhow::Result<()> {
    progress("starting the services");
    let mut store = Store::start(plan).await?;
    let outcome = play_at(&mut store, started).await;
    store.stop().await;
    outcome
}

async fn play_at(store: &mut Store, started: Instant) -> anyhow::Result<()> {
    let client = store.client()?;
    client.ready(READY_WITHIN).await?;
    let told = Story::follow(&store.settings()).await.context("cannot follow the log")?;
    storectl::demo::play(&client, told, Some(store), started).await?;
    audit(store).await
}

/// After the day every table is what the log says.
async fn audit(store: &Store) -> anyhow::Result<()> {
    let log = Log::open(&store.settings())?;
    let reports =
        storectl::audit::all(&store.databases_of_services()?, &log, AUDITED_WITHIN, |_, _| {}).await?;
    for report in &reports {
        writeln!(std::io::stdout(), "{}", storectl::audit::line(report))?;
    }
    if reports.iter().all(|report| report.is_clean() && report.is_complete()) {
        return Ok(());
    }
    let found = storectl::audit::document(&reports, None);
    bail!("the tables are not what the log says: {found:#}")
}

impl Control for Store {
    async fn stop(&mut self, program: Program) -> anyhow::Result<()> {
        self.stop_program(program).await;
        Ok(())
    }

    async fn start(&mut self, program: Program) -> anyhow::Result<()> {
        self.start_program(program).await
    }
}
