//! The payment gateway simulator.

use std::process::ExitCode;

use clap::Parser as _;
use payment_gateway::{app, config::Config};

fn main() -> ExitCode {
    let config = Config::parse();
    let telemetry = config.telemetry.clone();
    service_kit::program::run("payment-gateway", &telemetry, |shutdown| app::run(config, shutdown))
}
