//! W3C trace context: taken from a span into outbox, intents and headers, and set as parent on the other side.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
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
        let tracestate = Some(span.trace_state().header()).filter(|state| !state.is_empty());
        let traceparent = spans::traceparent(span);
        Self { tracestate: tracestate.filter(|_| traceparent.is_some()), traceparent }
    }

    /// The trace, 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref()?.split('-').nth(1)
    }

    /// Makes `span` a child of this context; without one, or with one that is not well-formed, it starts a trace.
    pub fn adopt(&self, span: &tracing::Span) {
        let remote = self.span();
        if remote.is_valid() {
            let _without_layer = span.set_parent(Context::new().with_remote_span_context(remote));
        }
    }

    /// The remote span; an invalid one when this is empty or not well-formed.
    pub(super) fn span(&self) -> SpanContext {
        spans::parse(self.traceparent.as_deref(), self.tracestate.as_deref())
    }
}
