//! `make torture`: see `torture --help`.
#![expect(clippy::print_stdout, reason = "a tool that prints what came of it")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use futures::future::try_join_all;
use stack::{Options, Progress, Stack};
use system_tests::torture::{
    Done, Ground, Queue, Settings, last, long, missed, run, short_parts, short_points, table,
};

/// Kills and ails a store in every way there is, under load, and checks that nothing is lost. Goes on where it was interrupted.
#[derive(Debug, Parser)]
#[command(name = "torture", version)]
struct Cli {
    /// Orders a second at each store
    #[arg(long, default_value_t = 160, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Only blocks whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Of these only faults that say this in the table
    #[arg(long, default_value = "")]
    fault: String,
    /// So many stores at a time, each on parts of its own; two cores bear one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    lanes: u32,
    /// The short matrix of `make test`
    #[arg(long)]
    short: bool,
    /// Begin anew, whatever was done earlier
    #[arg(long)]
    anew: bool,
    /// Folder of stores, logs and state
    #[arg(long, default_value = ".stack/torture")]
    dir: PathBuf,
    /// Also write the table to this file
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                outcome = torture(&cli) => outcome,
                _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted; the next run goes on from here"),
            }
        })
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("torture: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn torture(cli: &Cli) -> anyhow::Result<bool> {
    let state = cli.dir.join("done.jsonl");
    if cli.anew {
        let _none = std::fs::remove_file(&state);
    }
    let mut blocks = long();
    if cli.short {
        blocks = [short_points(), short_parts()].into_iter().chain(last(0)).collect();
    }
    for block in &mut blocks {
        block.faults.retain(|fault| fault.row().contains(&cli.fault));
    }
    blocks.retain(|block| block.name.contains(&cli.only) && !block.faults.is_empty());
    let dir = cli.dir.join("stores");
    let settings = Settings { dir, rate: cli.rate, state: Some(state), say: |line| println!("{line}") };
    let (queue, mut all) = Queue::left(blocks, &settings);
    let lanes = (0..cli.lanes).map(|lane| on_parts(cli.dir.join(format!("parts-{lane}")), &queue, &settings));
    all.extend(try_join_all(lanes).await?.into_iter().flatten());
    let table = table(&all);
    println!("\n{table}");
    if let Some(out) = &cli.out {
        std::fs::write(out, &table)?;
    }
    if cli.short || !cli.only.is_empty() || !cli.fault.is_empty() {
        return Ok(all.iter().all(Done::is_good));
    }
    let missed = missed(&all);
    for what in &missed {
        println!("MISSED: {what}");
    }
    Ok(missed.is_empty())
}

/// Does blocks on parts of its own until none is left.
async fn on_parts(dir: PathBuf, queue: &Queue, settings: &Settings) -> anyhow::Result<Vec<Done>> {
    stack::reset(&dir)?;
    let options = Options { for_load: true, progress: Progress::Stderr, ..Options::new(&dir) };
    let mut stack = Stack::start(options).await?;
    storectl::schemas::push(&stack.endpoints().registry_url).await?;
    let all = run(&mut Ground::Own(&mut stack), queue, settings).await;
    stack.stop().await?;
    all
}
