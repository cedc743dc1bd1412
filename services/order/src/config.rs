//! Settings: flags and environment.

use std::time::Duration;

use service_kit::config::{CorsArgs, DatabaseArgs, HttpArgs, TelemetryArgs};
use service_kit::duration;

/// Everything that can be set.
#[derive(clap::Parser, Clone, Debug)]
#[command(
    name = "order",
    version,
    about = "Takes orders and decides their fate from the replies of stock and payment"
)]
pub struct Config {
    /// Where it answers.
    #[command(flatten)]
    pub http: HttpArgs,
    /// Which web pages may call.
    #[command(flatten)]
    pub cors: CorsArgs,
    /// Its database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// What it tells about itself.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// Kafka and registry.
    #[command(flatten)]
    pub messaging: messaging::Settings,
    /// Its own.
    #[command(flatten)]
    pub orders: OrderArgs,
}

/// How orders are treated.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Orders")]
pub struct OrderArgs {
    /// How long an order may stay pending before it is cancelled, up to 30 days
    #[arg(long, env = "ORDER_DEADLINE", default_value = "10m", value_parser = deadline)]
    pub order_deadline: Duration,

    /// How long after its confirmation a customer may cancel an order
    #[arg(long, env = "CANCEL_WINDOW", default_value = "24h", value_parser = duration::parse)]
    pub cancel_window: Duration,

    /// How often overdue orders are looked for
    #[arg(long, env = "SWEEP_EVERY", default_value = "500ms", value_parser = pause)]
    pub sweep_every: Duration,

    /// Overdue orders cancelled in one transaction at most
    #[arg(long, env = "SWEEP_ORDERS_MAX", default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub sweep_orders_max: i64,

    /// How long the answer to an Idempotency-Key is kept
    #[arg(long, env = "IDEMPOTENCY_KEPT", default_value = "24h", value_parser = duration::parse)]
    pub idempotency_kept: Duration,

    /// Most callers that wait for changes of orders at a time (long polls and event streams); others get 503
    #[arg(long, env = "WAITERS_MAX", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub waiters_max: u32,

    /// How often waiting callers look for changes that other instances made
    #[arg(long, env = "WATCH_EVERY", default_value = "500ms", value_parser = pause)]
    pub watch_every: Duration,
}

impl Default for OrderArgs {
    fn default() -> Self {
        Self {
            order_deadline: Duration::from_mins(10),
            cancel_window: Duration::from_hours(24),
            sweep_every: Duration::from_millis(500),
            sweep_orders_max: 100,
            idempotency_kept: Duration::from_hours(24),
            waiters_max: 2_000,
            watch_every: Duration::from_millis(500),
        }
    }
}

const DEADLINE_MAX: Duration = Duration::from_hours(24 * 30);
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_mins(1);

fn deadline(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(length) if !length.is_zero() && length <= DEADLINE_MAX => Ok(length),
        Ok(_) => Err("expected 1ms to 720h".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn pause(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(length) if (PAUSE_MIN..=PAUSE_MAX).contains(&length) => Ok(length),
        Ok(_) => Err("expected 10ms to 1m".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
