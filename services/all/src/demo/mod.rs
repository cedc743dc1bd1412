//! `counterflow demo`: a scripted day at the store, told as a story and checked at the end.

mod scenes;
mod story;
mod table;

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use order::config::OrderArgs;
use service_kit::config::CorsArgs;
use stack::{Options, Progress, Stack};
use tokio_util::sync::CancellationToken;

use crate::launch::{Plan, Store};

const READY_WITHIN: Duration = Duration::from_mins(1);
/// Longer than the slowest token takes, short enough to be watched.
const DEADLINE: Duration = Duration::from_secs(7);

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
    };
    let outcome = shutdown.run_until_cancelled(day(plan, started)).await;
    stack.stop().await?;
    stack::reset(dir)?;
    outcome.unwrap_or_else(|| bail!("interrupted"))
}

async fn day(plan: Plan, started: Instant) -> anyhow::Result<()> {
    progress("starting the services");
    let mut store = Store::start(plan).await?;
    let rows = play_and_check(&mut store, started).await;
    store.stop().await;
    let rows = rows?;
    print(&table::render(&rows))?;
    let failed = rows.iter().filter(|row| !row.passed()).count();
    print(&format!(
        "{} of {} as expected, in {:.1} s\n",
        rows.len() - failed,
        rows.len(),
        started.elapsed().as_secs_f64()
    ))?;
    if failed > 0 {
        bail!("{failed} of {} scenes did not end as they should", rows.len());
    }
    Ok(())
}

async fn play_and_check(store: &mut Store, started: Instant) -> anyhow::Result<Vec<table::Row>> {
    let client = store.client()?;
    client.ready(READY_WITHIN).await?;
    let narrator = story::follow(&store.settings()).await.context("cannot follow the log")?;
    let played = scenes::play(store, &client, &narrator, started).await;
    let rows = match played {
        Ok(scenes) => table::check(&client, &scenes).await,
        Err(error) => Err(error),
    };
    narrator.end().await;
    rows
}

fn progress(text: &str) {
    // Standard error: the story on standard output can be kept in a file.
    let _ = writeln!(std::io::stderr(), "demo: {text}");
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
