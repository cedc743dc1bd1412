//! The warehouse as a program.

use clap::Parser as _;
use inventory::config::Config;

fn main() -> std::process::ExitCode {
    let config = Config::parse();
    let telemetry = config.telemetry.clone();
    service_kit::program::run(inventory::app::SERVICE, &telemetry, |shutdown| {
        inventory::app::run(config, shutdown)
    })
}
