//! What every program answers besides its own work, as it stands in its document.

use crate::health::HealthReport;
use crate::problem::ProblemBody;

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(livez, readyz, metrics, openapi_json, docs, problems, problem),
    components(schemas(ProblemBody))
)]
pub(super) struct Common;

/// Whether the process runs.
#[utoipa::path(get, path = "/livez", tag = super::OPERATING,
    responses((status = 200, description = "It runs.", body = String, example = "alive\n")))]
#[expect(dead_code, reason = "carries the document")]
fn livez() {}

/// Whether callers can be served, and how each dependency is.
#[utoipa::path(get, path = "/readyz", tag = super::OPERATING, responses(
    (status = 200, description = "Callers are served; `degraded` while some work waits.", body = HealthReport),
    (status = 503, description = "Callers cannot be served.", body = HealthReport)))]
#[expect(dead_code, reason = "carries the document")]
fn readyz() {}

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = super::OPERATING, responses(
    (status = 200, description = "Prometheus text format.", body = String, content_type = "text/plain",
        example = "dependency_up{service=\"order\",dependency=\"database\"} 1\n")))]
#[expect(dead_code, reason = "carries the document")]
fn metrics() {}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = super::OPERATING, responses(
    (status = 200, description = "OpenAPI 3.1.", body = Object,
        example = json!({"openapi": "3.1.0", "info": {"title": "…", "version": "…"}, "paths": {}}))))]
#[expect(dead_code, reason = "carries the document")]
fn openapi_json() {}

/// This document as a page to browse and try out.
#[utoipa::path(get, path = "/docs", tag = super::OPERATING, responses(
    (status = 200, description = "A page that needs nothing from elsewhere.", body = String,
        content_type = "text/html", example = "<!doctype html>…")))]
#[expect(dead_code, reason = "carries the document")]
fn docs() {}

/// Every type of problem this program answers with.
#[utoipa::path(get, path = "/docs/problems", tag = super::OPERATING, responses(
    (status = 200, description = "A page with a list.", body = String,
        content_type = "text/html", example = "<!doctype html>…")))]
#[expect(dead_code, reason = "carries the document")]
fn problems() {}

/// What one type of problem means, and what to do about it.
#[utoipa::path(get, path = "/docs/problems/{type}", tag = super::OPERATING,
    params(("type" = String, Path, description = "The whole `type` of the problem, or its last part.", example = "not-found")),
    responses(
        (status = 200, description = "A page for people.", body = String,
            content_type = "text/html", example = "<!doctype html>…"),
        (status = 404, description = "This program answers with no such type.")))]
#[expect(dead_code, reason = "carries the document")]
fn problem() {}
