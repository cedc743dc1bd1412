//! The program `email`.

use email::{Config, app};

fn main() -> std::process::ExitCode {
    service_kit::program::main("email", app::DEFAULT_PORT, |config: &Config| &config.telemetry, app::run)
}
