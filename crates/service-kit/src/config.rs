//! Settings every program has; flags and environment, by clap. Flatten them into a service's own `Config`:
//! `#[command(flatten)] pub http: HttpArgs`. Each can be made in code too, for tests and for several services in one process.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroUsize, ParseIntError};
use std::path::PathBuf;
use std::str::FromStr;

use axum::http::{HeaderValue, Uri};
use clap::{ArgAction, Args, ValueEnum};

/// Text that is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being printed by accident.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text; for the one who connects with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl FromStr for Secret {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

/// Where the program answers HTTP.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// Address to listen on. There is no authentication: think before opening it to a network
    #[arg(long, env = "HTTP_ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub http_addr: IpAddr,

    /// Port to listen on; 0 for any free one [default: the service's own]
    #[arg(long, env = "HTTP_PORT")]
    pub http_port: Option<u16>,

    /// Most connections at a time; more wait in the system's queue
    #[arg(long, env = "HTTP_CONNECTIONS_MAX", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub http_connections_max: u32,
}

impl Default for HttpArgs {
    fn default() -> Self {
        Self { http_addr: IpAddr::V4(Ipv4Addr::LOCALHOST), http_port: None, http_connections_max: 4096 }
    }
}

impl HttpArgs {
    /// Host and port, as a name that a program keeps when it is started again and no other has at the same time; `None` on any
    /// free port.
    pub fn place(&self, default_port: u16) -> Option<String> {
        let port = self.http_port.unwrap_or(default_port);
        let host = nix::unistd::gethostname().ok()?.into_string().ok()?;
        let plain = |byte: char| if byte.is_ascii_alphanumeric() { byte } else { '-' };
        let address = if self.http_addr.is_loopback() || self.http_addr.is_unspecified() {
            String::new()
        } else {
            format!("-{}", self.http_addr)
        };
        (port != 0).then(|| format!("{host}{address}-{port}").chars().take(80).map(plain).collect())
    }

    /// On `port` of loopback; 0 for any free one.
    pub fn loopback(port: u16) -> Self {
        Self { http_port: Some(port), ..Self::default() }
    }
}

/// Which web pages may call the program.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "HTTP")]
pub struct CorsArgs {
    /// Origins whose pages may call, separated by commas, or `*` [default: none]
    #[arg(long, env = "CORS_ORIGINS", value_delimiter = ',', value_parser = parse_origin)]
    pub cors_origins: Vec<String>,
}

fn parse_origin(text: &str) -> Result<String, String> {
    let (scheme, host) = text.split_once("://").unwrap_or_default();
    let well_formed = matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/');
    if (text == "*" || well_formed) && HeaderValue::from_str(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("an origin is * or looks like https://shop.example".to_owned())
    }
}

/// The service's own database.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// Where the data is: postgres://role:password@host:port/database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Secret,

    /// File that holds the password of that role, instead of the URL
    #[arg(long, env = "DATABASE_PASSWORD_FILE")]
    pub database_password_file: Option<PathBuf>,

    /// As whom to migrate; the running role then gets only SELECT, INSERT, UPDATE and DELETE [default: the running role]
    #[arg(long, env = "DATABASE_ADMIN_URL", hide_env_values = true)]
    pub database_admin_url: Option<Secret>,

    /// Apply migrations at start; `--migrate=false` leaves them to somebody else
    #[arg(long, env = "MIGRATE", default_value_t = true, action = ArgAction::Set, num_args = 0..=1,
          default_missing_value = "true", require_equals = true)]
    pub migrate: bool,

    /// Most connections at a time, half of them for requests, half for the loops behind
    #[arg(long, env = "DATABASE_POOL_SIZE", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub database_pool_size: u32,
}

impl DatabaseArgs {
    /// The defaults, with the data at `url`.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            database_url: Secret::new(url),
            database_password_file: None,
            database_admin_url: None,
            migrate: true,
            database_pool_size: 10,
        }
    }
}

/// Of a database that is away the service tells once; its pool would for each connection.
const LOGGED: &str = "info,sqlx_core::pool=error";

/// What the program tells about itself.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// How logs are written (to standard error); auto: text on a terminal, JSON lines elsewhere
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Auto)]
    pub log_format: LogFormat,

    /// What is logged, in the syntax of tracing's EnvFilter, such as info,order=debug
    #[arg(long, env = "RUST_LOG", default_value = LOGGED, value_parser = parse_filter)]
    pub log: String,

    /// Where its spans go.
    #[command(flatten)]
    pub traces: TracesArgs,
}

impl Default for TelemetryArgs {
    fn default() -> Self {
        Self { log_format: LogFormat::Auto, log: LOGGED.to_owned(), traces: TracesArgs::default() }
    }
}

/// Where spans go. The variables are OpenTelemetry's own; `OTEL_RESOURCE_ATTRIBUTES` is read by its library.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Traces")]
pub struct TracesArgs {
    /// Collector that takes spans by OTLP/gRPC, such as http://127.0.0.1:4317 [default: none, nothing is recorded]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_parser = parse_collector)]
    pub otlp_endpoint: Option<Uri>,

    /// Another one for spans
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_parser = parse_collector)]
    pub otlp_traces_endpoint: Option<Uri>,

    /// How spans are sent; none: not at all, whatever the endpoint
    #[arg(long, env = "OTEL_TRACES_EXPORTER", value_enum, default_value_t = Exporter::Otlp)]
    pub traces_exporter: Exporter,

    /// Which traces are recorded; parentbased_*: as the caller decided, and for those without a caller as named
    #[arg(long, env = "OTEL_TRACES_SAMPLER", value_enum, default_value_t = SamplerName::ParentbasedAlwaysOn)]
    pub traces_sampler: SamplerName,

    /// Share of the traces, for the samplers named traceidratio
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value_t = 1.0, value_parser = parse_share)]
    pub traces_sampler_arg: f64,

    /// How long the collector may take for one batch, in milliseconds
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TIMEOUT", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub otlp_timeout: u64,

    /// How long a span may wait before it is sent, in milliseconds
    #[arg(long, env = "OTEL_BSP_SCHEDULE_DELAY", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub bsp_schedule_delay: u64,

    /// How many spans may wait; more are lost
    #[arg(long, env = "OTEL_BSP_MAX_QUEUE_SIZE", default_value_t = 8_192, value_parser = parse_count)]
    pub bsp_max_queue_size: usize,

    /// How many spans are sent at once
    #[arg(long, env = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", default_value_t = 512, value_parser = parse_count)]
    pub bsp_max_export_batch_size: usize,
}

impl Default for TracesArgs {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            otlp_traces_endpoint: None,
            traces_exporter: Exporter::Otlp,
            traces_sampler: SamplerName::ParentbasedAlwaysOn,
            traces_sampler_arg: 1.0,
            otlp_timeout: 10_000,
            bsp_schedule_delay: 1_000,
            bsp_max_queue_size: 8_192,
            bsp_max_export_batch_size: 512,
        }
    }
}

/// How spans are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Exporter {
    /// OTLP over gRPC.
    Otlp,
    /// Not at all.
    None,
}

/// Samplers, by the names OpenTelemetry gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SamplerName {
    /// Every trace.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// A share, by the id of the trace.
    Traceidratio,
    /// As the caller decided; without one every trace.
    ParentbasedAlwaysOn,
    /// As the caller decided; without one none.
    ParentbasedAlwaysOff,
    /// As the caller decided; without one a share.
    ParentbasedTraceidratio,
}

fn parse_collector(text: &str) -> Result<Uri, String> {
    let uri = text.strip_prefix("http://").and_then(|_| text.parse::<Uri>().ok());
    let help = "expected http://host:port of a collector's OTLP/gRPC (4317 as a rule; no TLS yet)";
    uri.filter(|uri| uri.host().is_some_and(|host| !host.is_empty())).ok_or_else(|| help.to_owned())
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a share from 0 to 1".to_owned()),
    }
}

fn parse_count(text: &str) -> Result<usize, ParseIntError> {
    text.parse().map(NonZeroUsize::get)
}

fn parse_filter(text: &str) -> Result<String, String> {
    tracing_subscriber::EnvFilter::builder()
        .parse(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON lines elsewhere.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
