//! `storectl --help` says what it can do.

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = storectl::cli::Cli::parse();
    storectl::cli::run(cli, &mut std::io::stdout()).await.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
