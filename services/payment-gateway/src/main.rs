//! The payment gateway simulator.

use payment_gateway::{app, config};
use service_kit::program;

fn main() -> std::process::ExitCode {
    program::main("payment-gateway", config::PORT, |config: &config::Config| &config.telemetry, app::run)
}
