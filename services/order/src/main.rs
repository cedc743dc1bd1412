//! `order`: see `order --help`.

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    let config = order::config::Config::parse();
    let telemetry = config.telemetry.clone();
    service_kit::program::run("order", &telemetry, |shutdown| order::app::run(config, shutdown))
}
