//! The warehouse as a program.

use inventory::{app, config::Config};

fn main() -> std::process::ExitCode {
    service_kit::program::main(app::SERVICE, app::PORT, |config: &Config| &config.telemetry, app::run)
}
