//! Logs, traces and metrics of the process.
//!
//! Logs and the metrics recorder are one per process: the first to ask installs them, later ones share them. Several
//! services may run in one process, so every metric carries a `service` label, given by the caller.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::global;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{LogFormat, TelemetryArgs};
use crate::traces;

/// Buckets of every `…_seconds` histogram: one request and a whole saga fit on it.
const SECONDS: &[f64] =
    &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0];
/// Buckets of every `…_records` histogram: sizes of batches.
const RECORDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0];

/// Installs logs, traces and the W3C propagator for the process. Inside a runtime. Does nothing when called again.
pub fn init(service: &'static str, args: &TelemetryArgs) {
    init_to(service, args, std::io::stderr);
}

/// The same, with logs written elsewhere than to standard error.
pub fn init_to<W>(service: &'static str, args: &TelemetryArgs, logs: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let provider = traces::provider(service, &args.traces);
        let tracer = provider.tracer("counterflow");
        global::set_tracer_provider(provider);
        global::set_text_map_propagator(TraceContextPropagator::new());
        // Its own filter: turning logs down must not take the trace ids away.
        let spans = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| metadata.is_span() && *metadata.level() <= LevelFilter::INFO));
        let logs = tracing_subscriber::fmt::layer().with_writer(logs);
        let terminal = std::io::stderr().is_terminal();
        let logs = match args.log_format {
            LogFormat::Text => logs.with_ansi(terminal).boxed(),
            LogFormat::Auto if terminal => logs.boxed(),
            LogFormat::Auto | LogFormat::Json => logs.json().flatten_event(true).boxed(),
        };
        let registry =
            tracing_subscriber::registry().with(spans).with(logs.with_filter(EnvFilter::new(&args.log)));
        // Fails only when somebody else, a test, has installed theirs.
        let _theirs = registry.try_init();
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let message = panic.payload_as_str().unwrap_or("a value that is no text");
            tracing::error!(place, message, "a panic");
        }));
    });
    metrics_handle();
}

/// Everything measured so far, in Prometheus' text format.
pub fn render_metrics() -> String {
    metrics_handle().render()
}

/// The process' recorder, installed by the first call.
pub(crate) fn metrics_handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = builder().unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        // Fails only when somebody else, a test, has installed theirs.
        let _theirs = metrics::set_global_recorder(recorder);
        metrics::describe_histogram!(
            "http_server_request_duration_seconds",
            metrics::Unit::Seconds,
            "Time to answer a request, by service, method, route and status."
        );
        metrics::describe_gauge!("dependency_up", "1 when the dependency works, by service and dependency.");
        handle
    })
}

/// Refused only when a list of buckets is empty.
fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_records".to_owned()), RECORDS)
}
