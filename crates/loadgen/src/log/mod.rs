//! What is done with a long log, measured: rebuild, audit, a checkpoint, the story of an order. Makes the log itself, in bulk, at parts of its
//! own; the tables come of it by `storectl rebuild`. Prints, and writes `bench-log.json`.

mod chapter;
mod fill;
mod report;
mod tool;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use events::topics;
use messaging::Settings;
use serde_json::Value;

use crate::prometheus::sum;
use crate::report::machine;
use crate::store::{Store, write_to_payments};
use fill::Filled;
use report::{Audited, CaughtUp, Rebuilt, Report, Told};
use tool::{Ran, storectl};

/// Measures what is done with a long log: makes one of its own, and the tables from it, and then rebuild, audit, checkpoint and story,
/// each by the program `storectl` from its own folder.
#[derive(Debug, Parser)]
#[command(name = "bench-log", version)]
struct Cli {
    /// Where the result is written
    #[arg(long, default_value = "bench-log.json")]
    out: PathBuf,
    /// Folder for the data of the store; wiped before and after
    #[arg(long, default_value = ".stack/bench-log")]
    dir: PathBuf,
    /// Events in the log
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10_000..=20_000_000))]
    events: u64,
    /// Orders a second, by the times on their events
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
}

/// Measures, prints, writes. A missed floor is printed, and is no failure: the machine may be busy with other things.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    crate::run("bench-log", async {
        let mut store = Store::parts(&cli.dir).await?;
        let measured = measure(&mut store, &cli).await;
        let stopped = store.stop().await;
        let report = measured?;
        stopped?;
        std::fs::write(&cli.out, serde_json::to_string_pretty(&report)? + "\n")?;
        say(&report.render());
        say(&format!("written to {}", cli.out.display()));
        Ok(true)
    })
}

const SERVICES: [&str; 4] = ["order", "inventory", "billing", "email"];

async fn measure(store: &mut Store, cli: &Cli) -> anyhow::Result<Report> {
    let endpoints = store.endpoints()?;
    let settings = Settings::new(&endpoints.kafka_bootstrap, &endpoints.registry_url);
    progress("filling the log");
    let began = Instant::now();
    let filled = fill::fill(&settings, cli.events, cli.rate).await?;
    let filled_s = began.elapsed().as_secs_f64();
    let mut rebuilds = Vec::new();
    for service in SERVICES {
        Store::database(service, &endpoints).await?;
    }
    for of in ["all"].into_iter().chain(SERVICES) {
        progress(&format!("rebuild {of}"));
        rebuilds.push(rebuilt(of, &storectl(&endpoints, &["rebuild", of, "--json"]).await?)?);
    }
    progress("billing starts on its tables");
    let caught_up = caught_up(store, &filled).await?;
    progress("audit");
    let audit = audited(&storectl(&endpoints, &["audit", "all", "--tables-only", "--json"]).await?, &filled)?;
    progress("a checkpoint of billing");
    let checkpoint_pause_ms = paused(store, &cli.dir).await?;
    let mut stories = Vec::new();
    for (order, share) in [("first", 0), ("middle", 1), ("last", 2)] {
        progress(&format!("story of the {order} order"));
        stories.push(told(&endpoints, order, filled.orders[(filled.orders.len() - 1) * share / 2]).await?);
    }
    Ok(Report {
        machine: machine(),
        events: filled.events.values().sum(),
        orders: filled.orders.len() as u64,
        partitions: storectl::topics::PARTITIONS,
        filled_s,
        rebuilds,
        caught_up,
        audit,
        stories,
        checkpoint_pause_ms,
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of events are far below 2^52")]
fn rebuilt(of: &str, ran: &Ran) -> anyhow::Result<Rebuilt> {
    let said: Value = serde_json::from_str(&ran.out)?;
    let events = sum_of(&said["services"], |service| &service["rebuilt"]["records"]);
    anyhow::ensure!(events > 0, "nothing was rebuilt: {}", ran.out);
    let (seconds, peak_rss_mb) = (ran.seconds, ran.peak_rss_mb);
    Ok(Rebuilt { of: of.to_owned(), events, seconds, events_per_s: events as f64 / seconds, peak_rss_mb })
}

fn audited(ran: &Ran, filled: &Filled) -> anyhow::Result<Audited> {
    let said: Value = serde_json::from_str(&ran.out)?;
    let (orders, events) =
        (filled.orders.len() as u64, sum_of(&said["services"], |service| &service["records"]));
    Ok(Audited { orders, events, seconds: ran.seconds, peak_rss_mb: ran.peak_rss_mb })
}

fn sum_of(all: &Value, number: impl Fn(&Value) -> &Value) -> u64 {
    all.as_array().into_iter().flatten().filter_map(|one| number(one).as_u64()).sum()
}

const CAUGHT_UP_WITHIN: Duration = Duration::from_mins(10);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A rebuilt billing reads `orders` again before an audit has anything to compare of it. Whatever it asked of the gateway then, it would
/// ask a second time.
async fn caught_up(store: &mut Store, filled: &Filled) -> anyhow::Result<CaughtUp> {
    let began = Instant::now();
    store.open(&[("payment-gateway", false), ("billing", true)]).await?;
    let http = reqwest::Client::new();
    let records = filled.events.get(topics::ORDERS).copied().unwrap_or(0);
    loop {
        let text = http.get(format!("{}/metrics", store.url("billing"))).send().await?.text().await?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a counter")]
        let handled = sum(&text, "messaging_events_handled_total", "") as u64;
        if handled >= records {
            break;
        }
        anyhow::ensure!(
            began.elapsed() < CAUGHT_UP_WITHIN,
            "billing has read {handled} of {records} records after {CAUGHT_UP_WITHIN:?}"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let ledger: Value =
        http.get(format!("{}/ledger", store.url("payment-gateway"))).send().await?.json().await?;
    let calls = ledger["items"].as_array().map_or(0, |effects| effects.len() as u64);
    Ok(CaughtUp { records, seconds: began.elapsed().as_secs_f64(), calls })
}

/// Without the services, so that the story is read to where the log ends: the longest way there is.
async fn told(
    endpoints: &stack::Endpoints,
    order: &'static str,
    (id, at): (kernel::OrderId, kernel::Timestamp),
) -> anyhow::Result<Told> {
    let (id, nowhere) = (id.to_string(), "http://127.0.0.1:9");
    let until = at.plus(Duration::from_mins(1)).to_string();
    let args = ["order", &id, "--order-url", nowhere, "--email-url", nowhere];
    let to_the_end = storectl(endpoints, &args).await?;
    let within = storectl(endpoints, &[&args[..], &["--until", &until]].concat()).await?;
    for told in [&to_the_end, &within] {
        anyhow::ensure!(told.out.contains("EmailSent"), "the story of {id} is not whole: {}", told.out);
    }
    let ms = |ran: &Ran| ran.seconds * 1_000.0;
    Ok(Told { order, to_the_end_ms: ms(&to_the_end), until_a_minute_later_ms: ms(&within) })
}

/// Takes a checkpoint of billing, which runs, and writes to one of its tables all the while: the longest that a write took.
async fn paused(store: &Store, dir: &Path) -> anyhow::Result<f64> {
    let (endpoints, mut connection) = (store.endpoints()?, store.connect("billing").await?);
    let folder = dir.join("checkpoints");
    let args = ["checkpoint", "create", "billing", "--json", "--to", &folder.to_string_lossy()];
    let is_made = AtomicBool::new(false);
    let making = async {
        let made = storectl(&endpoints, &args).await;
        is_made.store(true, Ordering::Relaxed);
        made
    };
    let writing = async {
        let mut longest = Duration::ZERO;
        while !is_made.load(Ordering::Relaxed) {
            let began = Instant::now();
            write_to_payments(&mut connection).await?;
            longest = longest.max(began.elapsed());
        }
        anyhow::Ok(longest.as_secs_f64() * 1_000.0)
    };
    let (made, longest) = tokio::join!(making, writing);
    made?;
    longest
}

fn progress(what: &str) {
    eprintln!("bench-log: {what}");
}

fn say(text: &str) {
    println!("{text}");
}
