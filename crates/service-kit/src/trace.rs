//! The trace a request belongs to: taken from `traceparent`, or made here, and shown in every problem.

use std::future::Future;

use axum::http::{HeaderMap, HeaderValue};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TraceId};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

tokio::task_local! {
    static CURRENT: TraceId;
}

/// Makes `span` a child of the caller's span, if the headers name one, and tells the trace it is in.
pub(crate) fn adopt(span: &Span, headers: &HeaderMap) -> TraceId {
    let remote = TraceContextPropagator::new().extract(&Headers(headers));
    let remote_id = remote.span().span_context().trace_id();
    // Fails only where no OpenTelemetry layer is installed (a test); the ids below stand in for it.
    let _without_layer = span.set_parent(remote);
    let own_id = span.context().span().span_context().trace_id();
    [own_id, remote_id]
        .into_iter()
        .find(|id| *id != TraceId::INVALID)
        .unwrap_or_else(|| RandomIdGenerator::default().new_trace_id())
}

/// `traceresponse` (W3C Trace Context, level 2 draft): the trace and the span a caller finds its request in.
pub(crate) fn response_header(span: &Span) -> Option<HeaderValue> {
    let context = span.context();
    let span = context.span().span_context().clone();
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags().to_u8());
    span.is_valid().then(|| HeaderValue::try_from(format!("00-{trace}-{id}-{flags:02x}")).ok())?
}

/// Runs `work` as part of `trace`.
pub(crate) async fn within<F: Future>(trace: TraceId, work: F) -> F::Output {
    CURRENT.scope(trace, work).await
}

/// The trace of the request being answered, 32 hexadecimal digits; of the current span outside of requests.
pub fn current_id() -> String {
    CURRENT
        .try_with(|id| *id)
        .unwrap_or_else(|_| Span::current().context().span().span_context().trace_id())
        .to_string()
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}
