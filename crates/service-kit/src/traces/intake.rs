//! The two ways spans come in: written by who made them, or as objects of the SDK, from the layer of `tracing`.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanKind, TraceContextExt as _, TraceId};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _, Span, SpanData, SpanProcessor};
use spans::protobuf;

use super::queue::Queue;
use super::wire;

/// The attribute by which a span says whose it is, where several services share a process. Taken off on the way out.
const SERVICE: &str = "service.name";

/// Takes what was written already.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) sampler: Sampler,
    /// None where nothing is collected.
    pub(super) queue: Option<Arc<Queue>>,
}

impl spans::Recorder for Recorder {
    fn records(&self, trace: TraceId, parent: &SpanContext) -> bool {
        if parent.is_valid() && matches!(self.sampler, Sampler::ParentBased(_)) {
            return parent.is_sampled();
        }
        let parent = parent.is_valid().then(|| Context::new().with_remote_span_context(parent.clone()));
        let sampled = self.sampler.should_sample(parent.as_ref(), trace, "", &SpanKind::Internal, &[], &[]);
        sampled.decision == SamplingDecision::RecordAndSample
    }

    fn take(&self, service: &str, span: &[u8]) {
        if let Some(queue) = &self.queue {
            queue.push(service, |spans| protobuf::whole(spans, wire::SPANS, span));
        }
    }
}

/// Writes each span of the SDK when it ends. One in pieces would be freed by another thread, long after, piece by piece: that costs
/// more than making it.
#[derive(Debug)]
pub(super) struct Intake {
    /// Spans that do not say whose they are are of this service.
    pub(super) process: &'static str,
    pub(super) queue: Arc<Queue>,
}

impl SpanProcessor for Intake {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let own = span.attributes.iter().find(|attribute| attribute.key.as_str() == SERVICE);
        let service = own.map_or(self.process.into(), |attribute| attribute.value.as_str());
        self.queue.push(&service, |spans| wire::append(&span, SERVICE, spans));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(()) // `traces::flush` does, which can wait without a thread
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
