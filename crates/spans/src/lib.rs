//! Spans that are written while they happen, as the bytes OTLP sends: where an event leaves four of them in each service,
//! making objects of them first costs more than all the rest of recording.
//!
//! Whoever installs telemetry installs a [`Recorder`], which decides what is recorded and takes what ended. What a span says of
//! itself is in [`Span`], where its trace goes on in OpenTelemetry's `SpanContext`.

mod parent;
pub mod protobuf;
mod span;
mod value;

use std::fmt::Debug;
use std::sync::OnceLock;

use opentelemetry::trace::{SpanContext, TraceFlags, TraceId};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};

pub use parent::{parse, traceparent};
pub use span::{Kind, Span, nanos};
pub use value::Value;

/// Who decides what is recorded, and takes it.
pub trait Recorder: Debug + Send + Sync {
    /// Whether spans of `trace` are recorded, below `parent`; one that is not valid is none. (Head sampling.)
    fn records(&self, trace: TraceId, parent: &SpanContext) -> bool;

    /// A span of `service` that ended: the fields of OTLP's `Span`.
    fn take(&self, service: &str, span: &[u8]);
}

static RECORDER: OnceLock<Box<dyn Recorder>> = OnceLock::new();

/// Installs the recorder of this process; the first one stays.
pub fn install(recorder: Box<dyn Recorder>) {
    RECORDER.get_or_init(|| recorder);
}

/// What becomes of a new span.
#[derive(Debug)]
pub enum Begun {
    /// There is no recorder: the trace goes on where it was.
    Nowhere,
    /// It is not recorded, and the trace goes on here.
    Unseen(SpanContext),
    /// It is recorded.
    Seen(Span),
}

/// Begins a span of `service` below `parent`; without a valid one, a trace.
pub fn begin(service: &'static str, kind: Kind, parent: &SpanContext) -> Begun {
    RECORDER.get().map_or(Begun::Nowhere, |recorder| begin_at(&**recorder, service, kind, parent))
}

fn begin_at(
    recorder: &'static dyn Recorder,
    service: &'static str,
    kind: Kind,
    parent: &SpanContext,
) -> Begun {
    let ids = RandomIdGenerator::default();
    let trace = if parent.is_valid() { parent.trace_id() } else { ids.new_trace_id() };
    let seen = recorder.records(trace, parent);
    let flags = if seen { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let own = SpanContext::new(trace, ids.new_span_id(), flags, false, parent.trace_state().clone());
    if seen { Begun::Seen(Span::begun(recorder, service, kind, own, parent)) } else { Begun::Unseen(own) }
}

#[cfg(test)]
mod tests;
