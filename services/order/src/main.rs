//! `order`: see `order --help`.

use order::{app, config::Config};

fn main() -> std::process::ExitCode {
    service_kit::program::main("order", app::PORT, |config: &Config| &config.telemetry, app::run)
}
