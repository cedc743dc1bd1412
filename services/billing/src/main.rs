//! The program `billing`.

use billing::{Config, app, config};

fn main() -> std::process::ExitCode {
    service_kit::program::main("billing", config::PORT, |config: &Config| &config.telemetry, app::run)
}
