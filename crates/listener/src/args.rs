//! The settings every listener has; flags and environment.

use service_kit::config::{CorsArgs, DatabaseArgs, HttpArgs, TelemetryArgs};

/// Reads the log of the store, keeps what it makes of it, and answers from there
#[derive(clap::Parser, Clone, Debug)]
#[command(version)]
pub struct Args {
    /// Where it answers.
    #[command(flatten)]
    pub http: HttpArgs,
    /// Which web pages may call.
    #[command(flatten)]
    pub cors: CorsArgs,
    /// Its own database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Kafka, the registry and the limits of delivery.
    #[command(flatten)]
    pub messaging: messaging::Settings,
    /// What it tells about itself.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
}

impl Args {
    /// The defaults, on `port` of loopback (0 for any free one).
    pub fn new(port: u16, database: DatabaseArgs, messaging: messaging::Settings) -> Self {
        let (cors, telemetry) = (CorsArgs::default(), TelemetryArgs::default());
        Self { http: HttpArgs::loopback(port), cors, database, messaging, telemetry }
    }
}
