//! The program `analytics`.

use analytics::{Config, app};

fn main() -> std::process::ExitCode {
    service_kit::program::main(app::NAME, app::PORT, |config: &Config| &config.args.telemetry, app::run)
}
