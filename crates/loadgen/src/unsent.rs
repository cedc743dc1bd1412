//! What would be lost with a database: events that are decided and not yet relayed, looked at under load and after `kill -9`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::Instant;

use crate::bench::{Bench, ONE_LINE};
use crate::store::{Store, unsent};

const SERVICES: [&str; 4] = ["inventory", "billing", "email", "order"];
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// What is under way when a service is killed.
const BEFORE_THE_KILL: Duration = Duration::from_secs(3);
const SENT_WITHIN: Duration = Duration::from_mins(1);

/// What an outbox holds at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Unsent {
    events: i64,
    /// Of the oldest.
    age_ms: i64,
}

/// Measures a store of its own, and prints.
pub async fn measure(dir: &Path, rate: u32, length: Duration) -> anyhow::Result<bool> {
    let mut store = Store::start(dir, None).await?;
    let measured = at(&mut store, rate, length).await;
    let stopped = store.stop().await;
    println!("{}", measured?);
    stopped?;
    Ok(true)
}

async fn at(store: &mut Store, rate: u32, length: Duration) -> anyhow::Result<String> {
    let shop = Bench::open(store).await?.shop();
    let mut said = format!(
        "decided and not relayed, at {rate} orders a second\n{:<10} {:>24}   {:>30}\n",
        "", "events p50 / p99 / max", "oldest, ms p50 / p99 / max"
    );
    let driving = tokio::spawn({
        let shop = shop.clone();
        async move { shop.drive(rate, length, ONE_LINE).await }
    });
    let watched = SERVICES.map(|name| watch(store, name, length));
    for (name, seen) in SERVICES.into_iter().zip(futures::future::try_join_all(watched).await?) {
        let events = of(seen.iter().map(|one| one.events));
        let ages = of(seen.iter().map(|one| one.age_ms));
        writeln!(said, "{name:<10} {events:>24}   {ages:>30}")?;
    }
    let driven = driving.await?;
    writeln!(said, "{} orders placed, {} not accepted", driven.placed, driven.failed)?;
    for name in SERVICES {
        let driving = tokio::spawn({
            let shop = shop.clone();
            async move { shop.drive(rate, BEFORE_THE_KILL, ONE_LINE).await }
        });
        tokio::time::sleep(BEFORE_THE_KILL / 2).await;
        store.kill(name)?;
        let left = look(&mut store.connect(name).await?).await?;
        driving.await?;
        let began = Instant::now();
        store.restart(name).await?;
        sent(store, name).await?;
        writeln!(
            said,
            "{name:<10} killed: {} events unsent, the oldest {} ms old; all sent {:.1} s after its start",
            left.events,
            left.age_ms,
            began.elapsed().as_secs_f64()
        )?;
    }
    Ok(said)
}

/// `p50 / p99 / max`.
fn of(values: impl Iterator<Item = i64>) -> String {
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    let at = |percent: usize| {
        values.get((values.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0)
    };
    format!("{} / {} / {}", at(50), at(99), at(100))
}

async fn watch(store: &Store, name: &'static str, length: Duration) -> anyhow::Result<Vec<Unsent>> {
    let (mut connection, began) = (store.connect(name).await?, Instant::now());
    let mut seen = Vec::new();
    while began.elapsed() < length {
        seen.push(look(&mut connection).await?);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(seen)
}

async fn sent(store: &Store, name: &'static str) -> anyhow::Result<()> {
    let (mut connection, began) = (store.connect(name).await?, Instant::now());
    while look(&mut connection).await?.events > 0 {
        anyhow::ensure!(began.elapsed() < SENT_WITHIN, "{name} has unsent events after {SENT_WITHIN:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

async fn look(connection: &mut PgConnection) -> anyhow::Result<Unsent> {
    let (events, age_ms) = unsent(connection).await?;
    Ok(Unsent { events, age_ms })
}
