//! The whole store in one process.

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    let cli = all::cli::Cli::parse();
    let telemetry = cli.telemetry();
    service_kit::program::run("counterflow", &telemetry, |shutdown| cli.run(shutdown))
}
