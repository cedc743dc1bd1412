//! The program `billing`.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let config = billing::Config::parse();
    let telemetry = config.telemetry.clone();
    service_kit::program::run("billing", &telemetry, |shutdown| billing::run(config, shutdown))
}
