//! The program `email`.

use clap::Parser;

fn main() -> std::process::ExitCode {
    let config = email::Config::parse();
    let telemetry = config.telemetry.clone();
    service_kit::program::run("email", &telemetry, |shutdown| email::run(config, shutdown))
}
