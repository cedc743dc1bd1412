//! Logs and traces of the process; its metrics are in [`crate::metrics`].
//!
//! They are one per process: the first to ask installs them, later ones share them.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

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
use crate::{metrics, traces};

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
        let tracer = provider.tracer(traces::SCOPE);
        global::set_tracer_provider(provider);
        global::set_text_map_propagator(TraceContextPropagator::new());
        // Its own filter: turning logs down must not take the trace ids away.
        let spans = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            // Nobody asks OpenTelemetry for the current span; to tell it costs at each poll of a future.
            .with_context_activation(false)
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
    metrics::handle();
}
