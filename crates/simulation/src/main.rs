//! See `simulate --help`.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> anyhow::Result<ExitCode> {
    simulation::cli::run(&simulation::cli::Cli::parse(), &mut std::io::stdout())
}
