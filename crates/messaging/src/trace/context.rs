//! W3C trace context: taken from a span into outbox, intents and headers, and set as parent on the other side.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// `traceparent` and `tracestate` as they travel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// `00-<trace id>-<span id>-<flags>`.
    pub traceparent: Option<String>,
    /// Vendor state, carried on untouched.
    pub tracestate: Option<String>,
}

impl TraceContext {
    /// The context of the current span; empty without telemetry.
    pub fn current() -> Self {
        Self::of(&tracing::Span::current())
    }

    /// The context of `span`.
    pub fn of(span: &tracing::Span) -> Self {
        Self::at(span.context().span().span_context())
    }

    pub(super) fn at(span: &SpanContext) -> Self {
        if !span.is_valid() {
            return Self::default();
        }
        let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags().to_u8());
        Self {
            traceparent: Some(format!("00-{trace}-{id}-{flags:02x}")),
            tracestate: Some(span.trace_state().header()).filter(|state| !state.is_empty()),
        }
    }

    /// The trace, 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref()?.split('-').nth(1)
    }

    /// Makes `span` a child of this context; without one, or with one that is not well-formed, it starts a trace.
    pub fn adopt(&self, span: &tracing::Span) {
        let context = self.context();
        if context.span().span_context().is_valid() {
            let _without_layer = span.set_parent(context);
        }
    }

    /// A context with this as the remote span; an empty one when this is empty or not well-formed.
    pub(super) fn context(&self) -> Context {
        TraceContextPropagator::new().extract_with_context(&Context::new(), self)
    }
}

impl Extractor for TraceContext {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.traceparent.as_deref(),
            "tracestate" => self.tracestate.as_deref(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}
