//! Settings of the program: flags and environment.

use service_kit::config::{CorsArgs, DatabaseArgs, HttpArgs, TelemetryArgs};

/// What the warehouse can be told at start.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "inventory", version, about = "The warehouse: products, stock and reservations")]
pub struct Config {
    /// Where it answers; port 8102 unless told otherwise.
    #[command(flatten)]
    pub http: HttpArgs,
    /// Who may call from a web page.
    #[command(flatten)]
    pub cors: CorsArgs,
    /// Its own database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Kafka and the registry.
    #[command(flatten)]
    pub messaging: messaging::Settings,
    /// What it tells about itself.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
}

impl Config {
    /// The defaults, on `port` of loopback (0 for any free one).
    pub fn new(port: u16, database_url: impl Into<String>, messaging: messaging::Settings) -> Self {
        Self {
            http: HttpArgs::loopback(port),
            cors: CorsArgs::default(),
            database: DatabaseArgs::at(database_url),
            messaging,
            telemetry: TelemetryArgs::default(),
        }
    }
}
