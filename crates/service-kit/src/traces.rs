//! Where spans go: over OTLP/gRPC to a collector, under the name of the service that made them.
//!
//! Spans wait in a bounded queue and are sent by a thread of their own: a collector that is slow or away costs nothing but
//! the spans that do not fit into the queue.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter as Otlp, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tokio::runtime::Handle;

use crate::config::{Exporter, SamplerName, TracesArgs};

/// The attribute by which a span says whose it is, where several services share a process. Taken off on the way out.
const SERVICE: &str = "service.name";

/// A trace should be complete a few seconds after its order is settled: the standard's 5 s are too long.
const SEND_EVERY: Duration = Duration::from_secs(1);
/// Half a second of full load, and a few MB; the standard's 2048 are a moment of it.
const QUEUE_SPANS: usize = 4_096;
/// The rest of the spans is worth this much waiting at the end of the program, no more.
const LAST_WITHIN: Duration = Duration::from_secs(2);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// The provider of this process. Inside a runtime, where the connections live.
pub(crate) fn provider(service: &'static str, args: &TracesArgs) -> SdkTracerProvider {
    let builder = SdkTracerProvider::builder().with_resource(resource(service));
    let endpoint = args.otlp_traces_endpoint.as_ref().or(args.otlp_endpoint.as_ref());
    let provider = match endpoint.filter(|_| args.traces_exporter == Exporter::Otlp) {
        // Spans still get their ids, for logs and problems; nothing is collected for nobody.
        None => builder.with_sampler(Sampler::AlwaysOff).build(),
        Some(endpoint) => builder
            .with_sampler(sampler(args))
            .with_span_processor(processor(ByService::new(service, endpoint.clone())))
            .build(),
    };
    PROVIDER.get_or_init(|| provider.clone());
    provider
}

/// Sends what is still in the queue, for a moment. Blocks; the runtime must still be there.
pub(crate) fn end() {
    if let Some(provider) = PROVIDER.get() {
        let _late = provider.shutdown_with_timeout(LAST_WITHIN);
    }
}

/// Sends what is in the queue now; for tests, which read it back.
pub fn flush() {
    if let Some(provider) = PROVIDER.get() {
        let _late = provider.force_flush();
    }
}

fn resource(service: impl Into<String>) -> Resource {
    Resource::builder()
        .with_service_name(service.into())
        .with_attribute(KeyValue::new("service.namespace", "counterflow"))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

fn sampler(args: &TracesArgs) -> Sampler {
    let ratio = || Sampler::TraceIdRatioBased(args.traces_sampler_arg);
    let with_parent = |root: Sampler| Sampler::ParentBased(Box::new(root));
    match args.traces_sampler {
        SamplerName::AlwaysOn => Sampler::AlwaysOn,
        SamplerName::AlwaysOff => Sampler::AlwaysOff,
        SamplerName::Traceidratio => ratio(),
        SamplerName::ParentbasedAlwaysOn => with_parent(Sampler::AlwaysOn),
        SamplerName::ParentbasedAlwaysOff => with_parent(Sampler::AlwaysOff),
        SamplerName::ParentbasedTraceidratio => with_parent(ratio()),
    }
}

fn processor(exporter: ByService) -> BatchSpanProcessor {
    let mut config = BatchConfigBuilder::default(); // takes OTEL_BSP_*
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if !is_set("OTEL_BSP_SCHEDULE_DELAY") {
        config = config.with_scheduled_delay(SEND_EVERY);
    }
    if !is_set("OTEL_BSP_MAX_QUEUE_SIZE") {
        config = config.with_max_queue_size(QUEUE_SPANS);
    }
    BatchSpanProcessor::builder(exporter).with_batch_config(config.build()).build()
}

/// One exporter for each service of the process: a resource belongs to a connection, not to a span.
#[derive(Debug)]
struct ByService {
    process: &'static str,
    endpoint: String,
    runtime: Handle,
    exporters: Mutex<HashMap<String, Arc<Otlp>>>,
    away: AtomicBool,
}

impl ByService {
    fn new(process: &'static str, endpoint: String) -> Self {
        let (exporters, away) = (Mutex::default(), AtomicBool::new(false));
        Self { process, endpoint, runtime: Handle::current(), exporters, away }
    }

    fn exporter(&self, service: String) -> Result<Arc<Otlp>, ExporterBuildError> {
        let mut exporters = self.exporters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(exporter) = exporters.get(&service) {
            return Ok(exporter.clone());
        }
        let _runtime = self.runtime.enter(); // the connection is driven there
        let mut exporter = Otlp::builder().with_tonic().with_endpoint(&self.endpoint).build()?;
        exporter.set_resource(&resource(service.clone()));
        let exporter = Arc::new(exporter);
        exporters.insert(service, exporter.clone());
        Ok(exporter)
    }

    /// Once per change of its state.
    fn tell(&self, result: &OTelSdkResult) {
        match result {
            Ok(()) if self.away.swap(false, Ordering::Relaxed) => {
                tracing::info!(endpoint = self.endpoint, "spans are taken again");
            }
            Err(error) if !self.away.swap(true, Ordering::Relaxed) => {
                let endpoint = &self.endpoint;
                tracing::warn!(endpoint, %error, "spans cannot be sent and are dropped; nothing else suffers");
            }
            _ => {}
        }
    }
}

impl SpanExporter for ByService {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut outcome = Ok(());
        for (service, spans) in by_service(self.process, batch) {
            let sent = match self.exporter(service) {
                Ok(exporter) => exporter.export(spans).await,
                Err(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
            };
            outcome = outcome.and(sent);
        }
        self.tell(&outcome);
        outcome
    }
}

fn by_service(process: &str, batch: Vec<SpanData>) -> HashMap<String, Vec<SpanData>> {
    let mut services: HashMap<String, Vec<SpanData>> = HashMap::new();
    for mut span in batch {
        let own = span.attributes.iter().position(|attribute| attribute.key.as_str() == SERVICE);
        let service = own.map(|index| span.attributes.swap_remove(index).value.to_string());
        services.entry(service.unwrap_or_else(|| process.to_owned())).or_default().push(span);
    }
    services
}
