//! Where spans go: over OTLP/gRPC to a collector, under the name of the service that made them.
//!
//! A span is encoded where it ends, waits in a bounded queue, and is sent by one task: a collector that is slow or away costs
//! nothing but the spans that do not fit into the queue.

mod collector;
mod intake;
mod queue;
mod wire;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use self::collector::Collector;
use self::intake::{Intake, Recorder};
use self::queue::Queue;
use crate::config::{Exporter, SamplerName, TracesArgs};

/// Of every span; the collector is told once a batch.
pub(crate) const SCOPE: &str = "counterflow";
/// The rest of the spans is worth this much waiting at the end of the program, no more.
const LAST_WITHIN: Duration = Duration::from_secs(2);

static COLLECTOR: OnceLock<Arc<Collector>> = OnceLock::new();

/// The provider of this process, and the recorder. Inside a runtime, where the spans are sent.
pub(crate) fn provider(service: &'static str, args: &TracesArgs) -> SdkTracerProvider {
    let builder = SdkTracerProvider::builder().with_resource(resource(service));
    let endpoint = args.otlp_traces_endpoint.as_ref().or(args.otlp_endpoint.as_ref());
    match endpoint.filter(|_| args.traces_exporter == Exporter::Otlp) {
        // Spans still get their ids, for logs and problems; nothing is collected for nobody.
        None => {
            spans::install(Box::new(Recorder { sampler: Sampler::AlwaysOff, queue: None }));
            builder.with_sampler(Sampler::AlwaysOff).build()
        }
        Some(endpoint) => {
            let queue = Arc::new(Queue::new(args));
            let collector = Arc::new(Collector::at(endpoint, queue.clone(), args));
            tokio::spawn(collector.clone().run());
            COLLECTOR.get_or_init(|| collector);
            spans::install(Box::new(Recorder { sampler: sampler(args), queue: Some(queue.clone()) }));
            let intake = Intake { process: service, queue };
            builder.with_sampler(sampler(args)).with_span_processor(intake).build()
        }
    }
}

/// Sends what is still in the queue, for a moment.
pub(crate) async fn end() {
    let _late = tokio::time::timeout(LAST_WITHIN, flush()).await;
}

/// Sends what is in the queue now; for tests, which read it back.
pub async fn flush() {
    if let Some(collector) = COLLECTOR.get() {
        collector.send().await;
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
