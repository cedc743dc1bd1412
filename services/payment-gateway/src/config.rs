//! Settings of the payment gateway simulator.

use std::path::PathBuf;
use std::time::Duration;

use service_kit::config::{CorsArgs, HttpArgs, TelemetryArgs};
use service_kit::duration;

/// Where it answers unless told otherwise.
pub const PORT: u16 = 8105;

/// A payment gateway simulator whose ledger tells what was really charged.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "payment-gateway", version)]
pub struct Config {
    /// Where and how to answer
    #[command(flatten)]
    pub http: HttpArgs,

    /// Which web pages may call
    #[command(flatten)]
    pub cors: CorsArgs,

    /// What to tell
    #[command(flatten)]
    pub telemetry: TelemetryArgs,

    /// The rest
    #[command(flatten)]
    pub gateway: GatewayArgs,
}

/// What only this program has.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Gateway")]
pub struct GatewayArgs {
    /// File that keeps every answer and so every charge; made when missing, one program at a time
    #[arg(long, env = "GATEWAY_LEDGER", default_value = "payment-gateway-ledger.jsonl")]
    pub ledger: PathBuf,

    /// How long `tok_slow` makes callers wait
    #[arg(long, env = "GATEWAY_SLOW_ANSWER", default_value = "2s", value_parser = duration::parse)]
    pub slow_answer: Duration,

    /// How long the first caller of `tok_timeout_after_charge` waits: longer than any caller does
    #[arg(long, env = "GATEWAY_LATE_ANSWER", default_value = "30s", value_parser = duration::parse)]
    pub late_answer: Duration,
}

impl GatewayArgs {
    /// The defaults, with the ledger at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let (slow_answer, late_answer) = (Duration::from_secs(2), Duration::from_secs(30));
        Self { ledger: path.into(), slow_answer, late_answer }
    }
}
