//! Records the days of `tests/days` anew: `make days`. See docs/recorded-days.md for when one may.
#![expect(clippy::print_stdout, reason = "a tool that says what it does")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use futures::future::join_all;
use messaging::{FailPoint, Settings};
use storectl::Program;
use storectl::demo::Story;
use storectl::record::{From, To, save};
use system_tests::days::Day;
use system_tests::torture::Fleet;
use system_tests::{Shop, Then, Visit, wish};
use testkit::Parts;
use tokio::time::Instant;

/// Plays the days that `make test` replays, and records them and what they come to. Replaces those that are there
#[derive(Debug, Parser)]
#[command(name = "record-days", version)]
struct Cli {
    /// Only this day
    #[arg(long, value_parser = DAYS)]
    only: Option<String>,
    /// Folder of the days
    #[arg(long, default_value = "tests/days")]
    dir: PathBuf,
}

const DAYS: [&str; 3] = ["normal", "rush", "faults"];
/// As the demo has it: somebody's order is timed out while one watches.
const DEADLINE: Duration = Duration::from_secs(7);
const ORDERS: usize = 64;
/// A program that kills itself does so with its next orders.
const DIES_WITHIN: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_mins(3);

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    for day in DAYS.into_iter().filter(|day| cli.only.as_deref().is_none_or(|only| only == *day)) {
        if let Err(error) = record(&cli.dir, day).await {
            eprintln!("record-days: {day}: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn record(dir: &Path, day: &str) -> anyhow::Result<()> {
    let recorded = dir.join(format!("{day}.new"));
    let _none = std::fs::remove_dir_all(&recorded);
    match day {
        "normal" => normal(&recorded).await?,
        "rush" => rush(&recorded).await?,
        _ => faults(&recorded).await?,
    }
    let outcome = match Day::open(&recorded)?.replay() {
        Ok(outcome) => outcome,
        Err(wrong) => bail!("{} was recorded, and is decided otherwise: {wrong:#?}", recorded.display()),
    };
    std::fs::write(recorded.join("outcome.json"), format!("{:#}\n", outcome.document()))?;
    let folder = dir.join(day);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::rename(&recorded, &folder).with_context(|| format!("cannot replace {}", folder.display()))?;
    println!("{}: recorded", folder.display());
    Ok(())
}

/// The day of `make demo`.
async fn normal(to: &Path) -> anyhow::Result<()> {
    let mut shop = Shop::open_with(|plan| plan.orders.order_deadline = DEADLINE).await;
    let settings = shop.running().settings();
    let (client, story) = (shop.client.clone(), Story::follow(&settings).await?);
    storectl::demo::play(&client, story, Some(shop.store()), Instant::now()).await?;
    save(&settings, From::Beginning, To::Now, to).await?;
    shop.shut().await;
    Ok(())
}

/// Many customers at once, and many of them change their minds.
async fn rush(to: &Path) -> anyhow::Result<()> {
    let shop = Shop::open().await;
    shelves(&shop).await;
    join_all((0..ORDERS).map(|number| one(&shop, number))).await;
    shop.in_order().await;
    save(&shop.running().settings(), From::Beginning, To::Now, to).await?;
    shop.close().await;
    Ok(())
}

/// Each service is killed where a record is acknowledged and its row is still there: it is sent again.
async fn faults(to: &Path) -> anyhow::Result<()> {
    let parts = Parts::shared().await?;
    let dir = std::env::temp_dir().join(format!("counterflow-{}", Parts::unique()));
    let mut fleet = Fleet::open(parts.endpoints(), &dir).await?;
    let visit = Arc::new(Visit::alone(fleet.client.clone()).patient(PATIENCE));
    visit.register(visit.customer, "Grace Hopper").await;
    shelves(&visit).await;
    let mut number = 0;
    for program in [Program::Order, Program::Inventory, Program::Billing, Program::Email] {
        // With something left to send it would die before it is ready.
        visit.in_order().await;
        let point = format!("{}:4", FailPoint::RecordAcked.name());
        fleet.stop(program, 0).await?;
        fleet.start(program, 0, &[("FAIL_POINT", point)])?;
        fleet.ready(program, 0).await?;
        let orders = (number..number + ORDERS / 4).map(|number| {
            let visit = visit.clone();
            tokio::spawn(async move { one(&visit, number).await })
        });
        let orders: Vec<_> = orders.collect();
        number += ORDERS / 4;
        fleet.process(program, 0)?.dies(DIES_WITHIN).await?;
        drop(fleet.take(program, 0).await?);
        fleet.start(program, 0, &[])?;
        fleet.ready(program, 0).await?;
        for ordered in join_all(orders).await {
            ordered?;
        }
    }
    visit.in_order().await;
    let endpoints = parts.endpoints();
    let settings = Settings {
        topic_prefix: fleet.plan.topic_prefix.clone(),
        ..Settings::new(&endpoints.kafka_bootstrap, &endpoints.registry_url)
    };
    save(&settings, From::Beginning, To::Now, to).await?;
    fleet.close().await?;
    let _gone = std::fs::remove_dir_all(dir);
    Ok(())
}

async fn shelves(visit: &Visit) {
    for sku in ["lamp", "globe", "chair"] {
        visit.shelf(sku, 4_900, 10_000).await;
    }
    visit.shelf("vase", 8_000, 5).await;
}

async fn one(visit: &Visit, number: usize) {
    let (lines, token, then) = wish(number);
    let order = visit.order(lines, token).await;
    if then == Then::CancelWhenDecided {
        visit.decided(&order).await;
    }
    if then != Then::Nothing {
        // A service that is killed does not answer: the order is an ordinary one then.
        let path = format!("/orders/{order}/cancel");
        drop(visit.client.call(reqwest::Method::POST, Program::Order, &path, None).await);
    }
}
