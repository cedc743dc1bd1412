//! `make torture`: see `torture --help`.
#![expect(clippy::print_stdout, reason = "a tool that prints what came of it")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use stack::{Options, Progress, Stack};
use system_tests::torture::{
    Done, Ground, Lane, Load, Queue, Settings, last, left_out, long, missed, run, short_parts, short_points,
    table,
};

/// Kills and ails a store in every way there is, under load, and checks that nothing is lost. Goes on where it was interrupted.
#[derive(Debug, Parser)]
#[command(name = "torture", version)]
struct Cli {
    /// Orders a second while programs are killed; fewer while parts are restarted, or at a store beside another
    #[arg(long, default_value_t = 160, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Only blocks whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Of these only faults that say this in the table
    #[arg(long, default_value = "")]
    fault: String,
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
        blocks = [short_points(), short_parts()].into_iter().chain(last(0, Load::Full)).collect();
    }
    for block in &mut blocks {
        block.faults.retain(|fault| fault.row().contains(&cli.fault));
    }
    blocks.retain(|block| block.name.contains(&cli.only) && !block.faults.is_empty());
    let dir = cli.dir.join("stores");
    let settings = Settings { dir, rate: cli.rate, state: Some(state), say: |line| println!("{line}") };
    let (queue, mut all) = Queue::left(blocks, &settings);
    if let Some(what) = left_out() {
        println!("{what}");
    }
    let began = Instant::now();
    let (main, beside) = tokio::try_join!(
        on_parts(cli.dir.join("parts"), &queue, Lane::Any, &settings),
        on_parts(cli.dir.join("parts-beside"), &queue, Lane::Light, &settings),
    )?;
    all.extend(main.into_iter().chain(beside));
    let table = table(&all);
    println!("\n{table}\nThis run took {} min.", began.elapsed().as_secs().div_ceil(60));
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
async fn on_parts(dir: PathBuf, queue: &Queue, lane: Lane, settings: &Settings) -> anyhow::Result<Vec<Done>> {
    stack::reset(&dir)?;
    let options = Options { for_load: true, progress: Progress::Stderr, ..Options::new(&dir) };
    let mut stack = Stack::start(options).await?;
    storectl::schemas::push(&stack.endpoints().registry_url).await?;
    let all = run(&mut Ground::Own(&mut stack), queue, lane, settings).await;
    stack.stop().await?;
    all
}
