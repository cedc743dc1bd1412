//! `/openapi.json`: a service's own document (from its handlers, by utoipa) with what every service has.

use std::collections::HashMap;

use utoipa::OpenApi as _;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};

use crate::health::HealthReport;
use crate::problem::{MEDIA_TYPE, ProblemBody};

/// Money, for `#[schema(value_type = service_kit::openapi::Money)]`: the kernel knows no OpenAPI.
#[derive(utoipa::ToSchema)]
pub struct Money {
    /// Cents, where the currency has them.
    #[schema(minimum = 0)]
    pub amount_minor: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
}

/// What every service answers besides its own work.
#[derive(utoipa::OpenApi)]
#[openapi(paths(livez, readyz, metrics, openapi_json), components(schemas(ProblemBody)))]
struct Common;

/// Whether the process runs.
#[utoipa::path(get, path = "/livez", tag = "operations", responses((status = 200, description = "It runs.", body = String)))]
#[expect(dead_code, reason = "carries the document")]
fn livez() {}

/// Whether callers can be served, and how each dependency is.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "Callers are served; `degraded` while some work waits.", body = HealthReport),
    (status = 503, description = "Callers cannot be served.", body = HealthReport)))]
#[expect(dead_code, reason = "carries the document")]
fn readyz() {}

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses(
    (status = 200, description = "Prometheus text format.", body = String, content_type = "text/plain")))]
#[expect(dead_code, reason = "carries the document")]
fn metrics() {}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", responses(
    (status = 200, description = "OpenAPI 3.1.", body = Object)))]
#[expect(dead_code, reason = "carries the document")]
fn openapi_json() {}

/// Adds the common paths, and to every operation that every other status is a problem.
pub(crate) fn complete(own: OpenApi) -> OpenApi {
    let mut document = own.merge_from(Common::openapi());
    for item in document.paths.paths.values_mut() {
        for operation in operations_mut(item) {
            let responses = &mut operation.responses.responses;
            responses.entry("default".to_owned()).or_insert_with(|| RefOr::T(problem_response().build()));
        }
    }
    document
}

fn problem_response() -> ResponseBuilder {
    let schema = Some(Ref::from_schema_name("Problem"));
    ResponseBuilder::new()
        .description("What went wrong (RFC 9457).")
        .content(MEDIA_TYPE, Content::new(schema))
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// The name of each operation (`place_order`), by method and route.
pub(crate) fn operation_names(document: &OpenApi) -> HashMap<(&'static str, String), String> {
    let mut names = HashMap::new();
    for (path, item) in &document.paths.paths {
        let operations = [
            (HttpMethod::Get, &item.get),
            (HttpMethod::Put, &item.put),
            (HttpMethod::Post, &item.post),
            (HttpMethod::Delete, &item.delete),
            (HttpMethod::Patch, &item.patch),
        ];
        for (method, operation) in operations {
            if let Some(name) = operation.as_ref().and_then(|operation| operation.operation_id.clone()) {
                names.insert((verb(&method), path.clone()), name);
            }
        }
    }
    names
}

fn verb(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Put => "PUT",
        HttpMethod::Post => "POST",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Patch => "PATCH",
        _ => "OTHER",
    }
}
