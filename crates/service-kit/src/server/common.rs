//! What every service answers besides its own work.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;

use crate::{Health, Json, Lifecycle, Problem, metrics};

pub(super) fn routes(lifecycle: &Lifecycle, document: &OpenApi) -> Router {
    let document = serde_json::to_string(document).unwrap_or_default();
    let openapi = move || async move { ([(header::CONTENT_TYPE, "application/json")], document) };
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(measured))
        .route("/openapi.json", get(openapi))
        .with_state(lifecycle.health().clone())
}

async fn readyz(State(health): State<Health>) -> Response {
    let report = health.report();
    let status = report.status_code();
    let mut response = (status, Json(report)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

async fn measured(State(health): State<Health>) -> Response {
    health.measure();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render(health.service())).into_response()
}

pub(super) async fn no_such_route(method: Method, uri: Uri) -> Problem {
    Problem::not_found(format!("there is no {method} {}", uri.path()))
}
