//! `stack`: Kafka, the registry and Postgres from the command line.
#![expect(clippy::print_stdout, reason = "what is printed is the result of the command")]

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(cli::Cli::parse()).await.unwrap_or_else(|error| {
        eprintln!("stack: {error:#}");
        ExitCode::FAILURE
    })
}
