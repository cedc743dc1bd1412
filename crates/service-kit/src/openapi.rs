//! `/openapi.json`: a service's own document (from its handlers, by utoipa) with what every service has.

use std::collections::{BTreeSet, HashMap};

use utoipa::OpenApi as _;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn, PathItem};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

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

/// What every operation may answer because of what stands before it.
const EVERYWHERE: [(&str, &str); 4] = [
    ("400", "A value in path, query or header is wrong or unknown, or the body cannot be read."),
    ("408", "The body did not arrive in time."),
    ("413", "The body is over 64 KiB."),
    ("503", "Not possible for now; `Retry-After` says when to try again."),
];
/// What every operation with a body may answer too.
const WITH_BODY: [(&str, &str); 2] = [
    ("415", "The body is not `application/json`."),
    ("422", "The body breaks a rule; `errors` names each value."),
];

/// Adds the common paths, to every operation what the kit answers for it, and to every error that it is a problem.
pub(crate) fn complete(own: OpenApi) -> OpenApi {
    let mut document = own.merge_from(Common::openapi());
    for item in document.paths.paths.values_mut() {
        for operation in operations_mut(item) {
            add_errors(operation);
        }
    }
    document
}

fn add_errors(operation: &mut Operation) {
    let with_body = WITH_BODY.iter().filter(|_| operation.request_body.is_some());
    let others = [("default", "What went wrong.")];
    let responses = &mut operation.responses.responses;
    for &(status, description) in EVERYWHERE.iter().chain(with_body).chain(&others) {
        responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().description(description).build()));
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && response.content.is_empty()
            && (status.starts_with(['4', '5']) || status == "default")
        {
            make_problem(response);
        }
    }
}

fn make_problem(response: &mut Response) {
    let schema = Some(Ref::from_schema_name("Problem"));
    response.content.insert(MEDIA_TYPE.to_owned(), RefOr::T(Content::new(schema)));
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// The name of each operation (`place_order`), by method and route.
pub(crate) fn operation_names(document: &OpenApi) -> HashMap<(&'static str, String), String> {
    let named = |((verb, path), operation): ((&'static str, &String), &Operation)| {
        operation.operation_id.clone().map(|name| ((verb, path.clone()), name))
    };
    operations(document).filter_map(named).collect()
}

/// The query parameters of each operation, by method and route.
pub(crate) fn query_parameters(document: &OpenApi) -> HashMap<(&'static str, String), BTreeSet<String>> {
    let names = |operation: &Operation| {
        let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        });
        let in_query = parameters.filter(|parameter| parameter.parameter_in == ParameterIn::Query);
        in_query.map(|parameter| parameter.name.clone()).collect()
    };
    operations(document).map(|((verb, path), operation)| ((verb, path.clone()), names(operation))).collect()
}

fn operations(document: &OpenApi) -> impl Iterator<Item = ((&'static str, &String), &Operation)> {
    document.paths.paths.iter().flat_map(|(path, item)| {
        let operations = [
            (HttpMethod::Get, &item.get),
            (HttpMethod::Put, &item.put),
            (HttpMethod::Post, &item.post),
            (HttpMethod::Delete, &item.delete),
            (HttpMethod::Patch, &item.patch),
        ];
        operations.into_iter().filter_map(move |(method, operation)| {
            operation.as_ref().map(|operation| ((verb(&method), path), operation))
        })
    })
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
