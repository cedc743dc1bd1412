//! One span and one measurement for each request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument as _, Span, field};

use crate::trace;

pub(super) struct Observed {
    pub(super) service: &'static str,
    /// The operation's name by method and route.
    pub(super) operations: HashMap<(&'static str, String), String>,
}

pub(super) async fn observe(State(observed): State<Arc<Observed>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = observed.span(method, &route);
    let trace_id = trace::adopt(&span, request.headers());
    span.record("trace_id", field::display(trace_id));
    let path = request.uri().path().to_owned();
    let mut response = trace::within(trace_id, next.run(request)).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_success() {
        span.record("url.path", path); // ids, then; what was refused may be anything
    }
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", status.as_u16());
    }
    if let Some(header) = trace::response_header(&span) {
        response.headers_mut().insert("traceresponse", header);
    }
    let duration = began.elapsed();
    span.in_scope(|| {
        tracing::debug!(status = status.as_u16(), duration_ms = duration.as_millis(), "answered");
    });
    let labels = [
        ("service", observed.service.to_owned()),
        ("method", method.to_owned()),
        ("route", route),
        ("status", status.as_str().to_owned()),
    ];
    metrics::histogram!("http_server_request_duration_seconds", &labels).record(duration);
    response
}

impl Observed {
    /// None for what probes and scrapers ask all day: nobody looks for that in a trace.
    fn span(&self, method: &'static str, route: &str) -> Span {
        if matches!(route, "/livez" | "/readyz" | "/metrics") {
            return Span::none();
        }
        let key = (method, route.to_owned());
        let operation = self.operations.get(&key).map_or("none", String::as_str);
        tracing::info_span!(
            "http",
            otel.name = format!("{method} {route}"),
            otel.kind = "server",
            otel.status_code = field::Empty,
            service.name = self.service,
            operation,
            http.request.method = method,
            http.route = route,
            http.response.status_code = field::Empty,
            url.scheme = "http",
            url.path = field::Empty,
            error.type = field::Empty,
            trace_id = field::Empty,
        )
    }
}

/// A method as a label: callers may send any word, a metric must not grow with them.
pub(super) fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
