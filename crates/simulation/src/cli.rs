//! The command line.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::exhaustive::{Small, Visited, visit};
use crate::history::{self, Tally, is_wrong};

/// Play histories of a store in memory, with crashes, lost answers, repeats, zombies and late calls, and look how each ends
///
/// The same seed is the same history on every machine. Exits with 1 at the first history that does not end well, and prints
/// the shortest one found that is still wrong, step by step, with the command that plays it again.
#[derive(Debug, Parser)]
#[command(name = "simulate", version)]
pub struct Cli {
    /// How many seeds
    #[arg(long, default_value_t = 100_000, conflicts_with_all = ["seed", "tape", "exhaustive"])]
    pub seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0, conflicts_with_all = ["seed", "tape", "exhaustive"])]
    pub from: u64,
    /// Play the history of this seed alone, and tell it step by step
    #[arg(long, conflicts_with_all = ["tape", "exhaustive"])]
    pub seed: Option<u64>,
    /// Play the history of these choices, comma separated, and tell it step by step
    #[arg(long, value_delimiter = ',', conflicts_with = "exhaustive")]
    pub tape: Option<Vec<usize>>,
    /// Say which seed does not end well, and do not look for a shorter history
    #[arg(long)]
    pub unshrunk: bool,
    /// Visit every state of the small scopes instead
    #[arg(long)]
    pub exhaustive: bool,
}

/// Told so often of a long run.
const PROGRESS_EVERY: u64 = 100_000;

/// Does what was asked.
pub fn run(cli: &Cli, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    if let Some(tape) = &cli.tape {
        return told(&history::tell(tape.clone()), out);
    }
    if let Some(seed) = cli.seed {
        return told(&history::tell(history::of_seed(seed).tape), out);
    }
    if cli.exhaustive { every(out) } else { many(cli, out) }
}

fn told(told: &history::Told, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    writeln!(out, "{told}")?;
    Ok(if told.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn many(cli: &Cli, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let (began, mut tally) = (Instant::now(), Tally::default());
    for seed in cli.from..cli.from.saturating_add(cli.seeds) {
        let history = history::of_seed(seed);
        tally.add(&history);
        if is_wrong(&history) {
            writeln!(out, "seed {seed}, the {}th, does not end well: {}", tally.histories, history.wrong[0])?;
            if cli.unshrunk {
                return Ok(ExitCode::FAILURE);
            }
            let shortest = history::shrink(history.tape, is_wrong);
            return told(&history::tell(shortest), out);
        }
        if tally.histories % PROGRESS_EVERY == 0 {
            writeln!(out, "{} histories, all well", tally.histories)?;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    writeln!(out, "{tally}; {seconds:.1} s, {:.0} orders/s", tally.orders_per_second(began.elapsed()))?;
    Ok(ExitCode::SUCCESS)
}

fn every(out: &mut impl Write) -> anyhow::Result<ExitCode> {
    for small in Small::ALL {
        let began = Instant::now();
        let (plan, may) = small.scope();
        let Visited { states, steps, ends, wrong } = visit(plan, may);
        let seconds = began.elapsed().as_secs_f64();
        writeln!(out, "{small}: {states} states, {steps} steps, {ends} ends, {seconds:.1} s")?;
        if let Some((path, wrong)) = wrong {
            for step in path {
                writeln!(out, "    {step}")?;
            }
            writeln!(out, "    WRONG: {}", wrong.join("; "))?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
