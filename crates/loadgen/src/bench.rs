//! The measurement: search for the maximum, hold it, then latencies at 20 a second and at half of the maximum.

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::clock::SystemIds;
use kernel::{Ids as _, Sku};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::check::{self, Placed};
use crate::drive::{Driven, Shape, Shop};
use crate::latency::Percentiles;
use crate::processes::{Usage, usage};
use crate::prometheus::sum;
use crate::report::{AtRate, Latency, Report, machine};
use crate::store::Store;

/// How to measure.
pub struct Settings {
    /// Of the measurement at the maximum.
    pub length: Duration,
    /// Where the search begins.
    pub start_rate: u32,
    /// Instead of a search.
    pub rate: Option<u32>,
}

const SKUS: usize = 500;
const CUSTOMERS: usize = 200;
const RECEIVED: i64 = 100_000_000;
const STEP: Duration = Duration::from_secs(10);
const RUSH_AT_A_TIME: u32 = 50;
const QUIET_WITHIN: Duration = Duration::from_mins(2);
pub(crate) const ONE_LINE: Shape = Shape { lines: 1, wait: false, recorded: None };
const WAITING: Shape = Shape { wait: true, ..ONE_LINE };
const FIVE_LINES: Shape = Shape { lines: 5, ..ONE_LINE };

pub(crate) struct Bench<'a> {
    pub(crate) store: &'a Store,
    http: reqwest::Client,
    shop: Shop,
    placed: u64,
    peaks: Peaks,
}

#[derive(Clone, Copy, Default)]
struct Peaks {
    outbox: f64,
    lag: f64,
}

/// One drive with what the store's counters said about it.
struct Held {
    driven: Driven,
    settled_per_s: f64,
    seconds: f64,
    backlog: (f64, f64),
    cpu_s: BTreeMap<&'static str, f64>,
}

/// Measures a running store.
pub async fn measure(store: &Store, settings: &Settings) -> anyhow::Result<Report> {
    let mut bench = Bench::open(store).await?;
    let at_20_per_s = bench.latency(20, WAITING).await?;
    let at_20_per_s_5_lines = bench.latency(20, Shape { lines: 5, ..WAITING }).await?;
    let mut offered = match settings.rate {
        Some(rate) => rate,
        None => bench.search(settings.start_rate).await?,
    };
    let mut held = bench.hold(offered, settings.length, ONE_LINE).await?;
    while settings.rate.is_none() && !held.keeps_up(offered) && offered > 10 {
        offered = offered * 9 / 10;
        held = bench.hold(offered, settings.length, ONE_LINE).await?;
    }
    let five_lines = bench.hold((offered / 2).max(1), STEP * 2, FIVE_LINES).await?;
    let at_half_of_max = bench.latency((offered / 2).max(1), WAITING).await?;
    let usage = usage(&store.pids());
    say("checking");
    let placed = Placed { orders: bench.placed, received: received()? };
    let violations = check::violations(&bench.http, store, &placed, QUIET_WITHIN).await?;
    Ok(Report {
        machine: machine(),
        versions: BTreeMap::from([
            ("counterflow", env!("CARGO_PKG_VERSION")),
            ("kafka", "4.3.1"),
            ("registry", "3.3.3"),
            ("postgres", "18.1"),
        ]),
        settings: "release build, one process a service, defaults; acks=all, fsync on; Kafka, registry, Postgres and load on this machine",
        offered_per_s: offered,
        orders_per_s_settled: held.settled_per_s,
        orders_per_s_settled_5_lines: five_lines.settled_per_s,
        seconds: held.seconds,
        backlog: held.backlog,
        latency: Latency { at_20_per_s, at_half_of_max, at_20_per_s_5_lines },
        cpu_s: held.cpu_s,
        rss_mb: usage.rss_mb,
        outbox_rows_peak: bench.peaks.outbox,
        consumer_lag_records_peak: bench.peaks.lag,
        violations,
    })
}

impl Held {
    /// Everything was accepted, and what was not settled at the end is not more than a second's worth beyond the beginning.
    fn keeps_up(&self, rate: u32) -> bool {
        let offered = f64::from(rate);
        self.driven.failed == 0
            && self.settled_per_s >= 0.97 * offered
            && self.backlog.1 - self.backlog.0 <= offered
    }
}

impl<'a> Bench<'a> {
    /// Fills the shelves and warms the store up.
    pub(crate) async fn open(store: &'a Store) -> anyhow::Result<Self> {
        let builder = reqwest::Client::builder().pool_max_idle_per_host(1_000);
        let http = builder.timeout(Duration::from_secs(30)).build()?;
        say("filling the shelves");
        let shop = fill(&http, store).await?;
        let mut bench = Self { store, http, shop, placed: 0, peaks: Peaks::default() };
        say("warming up");
        bench.hold(50, STEP, ONE_LINE).await?;
        Ok(bench)
    }

    /// Who orders what, for whoever wants to place orders and to look at something else meanwhile.
    pub(crate) fn shop(&self) -> Shop {
        self.shop.clone()
    }

    /// The highest rate that is kept up for some seconds, to a tenth.
    async fn search(&mut self, start: u32) -> anyhow::Result<u32> {
        let (mut good, mut bad, mut rate) = (None, None, start);
        loop {
            let held = self.hold(rate, STEP, ONE_LINE).await?;
            if held.keeps_up(rate) {
                good = Some(rate);
            } else {
                bad = Some(rate);
            }
            rate = match (good, bad) {
                (None, _) => rate * 2 / 3,
                (Some(good), None) => good * 5 / 4 + 1,
                (Some(good), Some(bad)) if bad - good <= (good / 10).max(1) => return Ok(good),
                (Some(good), Some(bad)) => u32::midpoint(good, bad),
            };
            anyhow::ensure!(rate > 0, "the store does not keep up with one order a second");
        }
    }

    async fn latency(&mut self, rate: u32, shape: Shape) -> anyhow::Result<AtRate> {
        let held = self.hold(rate, STEP * 2, shape).await?;
        let Driven { decided, post, failed, .. } = held.driven;
        Ok(AtRate { rate, decided_ms: Percentiles::of(decided), post_ms: Percentiles::of(post), failed })
    }

    /// Drives at one rate for `length`, then waits for quiet.
    async fn hold(&mut self, rate: u32, length: Duration, shape: Shape) -> anyhow::Result<Held> {
        let lead = Duration::from_secs(2);
        let (shop, store) = (self.shop.clone(), self.store);
        let driving = tokio::spawn(async move { shop.drive(rate, length + lead, shape).await });
        tokio::time::sleep(lead).await;
        let (began, before, first) = (Instant::now(), usage(&store.pids()), self.counts().await?);
        while began.elapsed() < length {
            tokio::time::sleep(Duration::from_millis(500)).await;
            self.look().await?;
        }
        let (last, seconds, after) =
            (self.counts().await?, began.elapsed().as_secs_f64(), usage(&store.pids()));
        let driven = driving.await?;
        self.placed += driven.placed;
        let settled_per_s = (last.settled - first.settled) / seconds;
        say(&format!(
            "{rate}/s, {} lines: {settled_per_s:.0}/s settled, {} failed",
            shape.lines, driven.failed
        ));
        self.quiet().await?;
        let backlog = (first.created - first.settled, last.created - last.settled);
        Ok(Held { driven, settled_per_s, seconds, backlog, cpu_s: difference(&before, &after) })
    }

    /// Places `orders` orders at once and waits until all of them are settled: the store has always something to do.
    pub(crate) async fn rush(&mut self, orders: u32, shape: Shape) -> anyhow::Result<Rushed> {
        let (began, before) = (Instant::now(), usage(&self.store.pids()));
        let driven = self.shop.rush(orders, RUSH_AT_A_TIME, shape).await;
        self.placed += driven.placed;
        anyhow::ensure!(driven.failed == 0, "{} of {orders} orders were not accepted", driven.failed);
        self.quiet().await?;
        let (took, after) = (began.elapsed(), usage(&self.store.pids()));
        let placed = u32::try_from(driven.placed).unwrap_or(u32::MAX);
        let orders_per_s = f64::from(placed) / took.as_secs_f64();
        let cpu_ms =
            difference(&before, &after).into_iter().map(|(name, s)| (name, s * 1e3 / f64::from(placed)));
        Ok(Rushed { orders_per_s, cpu_ms: cpu_ms.collect() })
    }

    async fn quiet(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + QUIET_WITHIN;
        loop {
            let counts = self.counts().await?;
            if counts.created <= counts.settled {
                return Ok(());
            }
            anyhow::ensure!(
                Instant::now() < end,
                "{} orders are not settled after {QUIET_WITHIN:?}",
                counts.created - counts.settled
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn counts(&self) -> anyhow::Result<Counts> {
        let text = self.metrics("order").await?;
        Ok(Counts {
            created: sum(&text, "orders_created_total", ""),
            settled: sum(&text, "orders_settled_total", ""),
        })
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        let (mut outbox, mut lag) = (0.0, 0.0);
        for service in ["order", "inventory", "billing", "email"] {
            let text = self.metrics(service).await?;
            outbox += sum(&text, "messaging_outbox_rows", "");
            lag += sum(&text, "messaging_consumer_lag_records", "");
        }
        self.peaks = Peaks { outbox: self.peaks.outbox.max(outbox), lag: self.peaks.lag.max(lag) };
        Ok(())
    }

    async fn metrics(&self, service: &str) -> anyhow::Result<String> {
        Ok(self.http.get(format!("{}/metrics", self.store.url(service))).send().await?.text().await?)
    }
}

/// One rush.
pub(crate) struct Rushed {
    pub(crate) orders_per_s: f64,
    /// Processor time an order, in milliseconds, by process.
    pub(crate) cpu_ms: BTreeMap<&'static str, f64>,
}

struct Counts {
    created: f64,
    settled: f64,
}

fn difference(before: &Usage, after: &Usage) -> BTreeMap<&'static str, f64> {
    after
        .cpu_s
        .iter()
        .map(|(name, cpu)| (*name, cpu - before.cpu_s.get(name).copied().unwrap_or(0.0)))
        .collect()
}

fn skus() -> impl Iterator<Item = String> {
    (0..SKUS).map(|n| format!("bench-{n:03}"))
}

fn received() -> anyhow::Result<BTreeMap<Sku, i64>> {
    skus().map(|sku| Ok((Sku::parse(&sku)?, RECEIVED))).collect()
}

async fn fill(http: &reqwest::Client, store: &Store) -> anyhow::Result<Shop> {
    let skus: Vec<String> = skus().collect();
    for sku in &skus {
        let product = json!({ "name": sku, "unit_price": { "amount_minor": 1_000, "currency": "EUR" } });
        let address = store.url("inventory");
        http.put(format!("{address}/products/{sku}")).json(&product).send().await?.error_for_status()?;
        let receipt = json!({ "receipt_id": SystemIds.next(), "quantity": RECEIVED });
        http.post(format!("{address}/stock/{sku}/receipts"))
            .json(&receipt)
            .send()
            .await?
            .error_for_status()?;
    }
    let customers: Vec<Uuid> = (0..CUSTOMERS).map(|_| SystemIds.next()).collect();
    for id in &customers {
        let customer = json!({ "name": "Load", "email": format!("{id}@example.org") });
        http.put(format!("{}/customers/{id}", store.url("order")))
            .json(&customer)
            .send()
            .await?
            .error_for_status()?;
    }
    let end = Instant::now() + QUIET_WITHIN;
    for sku in &skus {
        while !http.get(format!("{}/products/{sku}", store.url("order"))).send().await?.status().is_success()
        {
            anyhow::ensure!(Instant::now() < end, "{sku} was never listed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(Shop::new(http.clone(), store.url("order"), customers, skus))
}

fn say(text: &str) {
    eprintln!("bench: {text}");
}
