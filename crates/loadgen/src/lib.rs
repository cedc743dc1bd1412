//! Measures a store through its HTTP APIs: open loop, so that waiting counts as latency. Prints, and writes `bench.json`.
//! [`log`] measures what is done with a long log.
#![expect(clippy::print_stdout, reason = "a tool that prints what it measured")]

mod bench;
mod check;
mod drive;
mod latency;
pub mod log;
mod processes;
mod prometheus;
mod report;
mod store;
mod traces;
mod unsent;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Measures the store: settled orders a second, and how long an order takes at 20 a second and at half of the maximum.
/// Starts a store of its own (release programs from its own folder, each its own process) and stops it afterwards.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version)]
struct Cli {
    /// Where the result is written
    #[arg(long, default_value = "bench.json")]
    out: PathBuf,
    /// Folder for the data of the store; wiped before and after
    #[arg(long, default_value = ".stack/bench")]
    dir: PathBuf,
    /// Length of the measurement at the maximum, in seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3600))]
    seconds: u64,
    /// Orders a second to begin the search for the maximum with
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    start_rate: u32,
    /// Only measure this rate, without a search
    #[arg(long)]
    rate: Option<u32>,
    /// Only measure what traces cost: as many orders at once in turn with every order recorded and with none
    #[arg(long)]
    traces: bool,
    /// Only measure what would be lost with a database: events that are decided and not yet relayed, at --rate (100 a second
    /// unless told otherwise), and after each service was killed
    #[arg(long)]
    unsent: bool,
    /// Do not fail when a floor is missed (a broken invariant always fails)
    #[arg(long)]
    no_floors: bool,
}

/// Orders a second, a fifth of what the store is to settle at least.
const UNSENT_RATE: u32 = 100;

/// Measures, prints, writes; exit code 1 when a floor is missed or an invariant broken.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    run("loadgen", measure(&cli))
}

/// Runs a measurement; false: it came to its end, and is to be a failure.
fn run(name: &str, measurement: impl Future<Output = anyhow::Result<bool>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(until_interrupted(measurement)));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Dropping what runs stops the programs it started.
async fn until_interrupted(run: impl Future<Output = anyhow::Result<bool>>) -> anyhow::Result<bool> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = run => outcome,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminated.recv() => anyhow::bail!("interrupted"),
    }
}

async fn measure(cli: &Cli) -> anyhow::Result<bool> {
    if cli.traces {
        return traces::compare(&cli.dir).await;
    }
    if cli.unsent {
        let length = Duration::from_secs(cli.seconds);
        return unsent::measure(&cli.dir, cli.rate.unwrap_or(UNSENT_RATE), length).await;
    }
    let mut store = store::Store::start(&cli.dir, None).await?;
    let settings = bench::Settings {
        length: Duration::from_secs(cli.seconds),
        start_rate: cli.start_rate,
        rate: cli.rate,
    };
    let measured = bench::measure(&store, &settings).await;
    let stopped = store.stop().await;
    let report = measured?;
    stopped?;
    std::fs::write(&cli.out, serde_json::to_string_pretty(&report)? + "\n")?;
    println!("{}", report.render());
    println!("written to {}", cli.out.display());
    Ok(report.violations.is_empty() && (cli.no_floors || report.missed_floors().is_empty()))
}
