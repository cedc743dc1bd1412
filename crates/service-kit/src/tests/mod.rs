//! What the kit promises, asked over HTTP of a small service.

mod bodies;
mod database;
mod docs;
mod healthcheck;
mod lifecycle;
mod lists;
mod migrations;
mod relay;
mod router;
mod serving;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::{get, post};
use kernel::{LineQuantity, Money, OrderId, Sku};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::list::PageParams;
use crate::problem::Kind;
use crate::{Api, App, IdempotencyKey, Json, Lifecycle, List, ListQuery, Path, Problem, Query};

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Basket {
    #[schema(value_type = String)]
    owner: OrderId,
    lines: Vec<Line>,
    payment_token: String,
    #[schema(value_type = Option<crate::openapi::Money>)]
    limit: Option<Money>,
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    #[schema(value_type = String)]
    sku: Sku,
    #[schema(value_type = u32)]
    quantity: LineQuantity,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    #[param(value_type = Option<uuid::Uuid>)]
    owner: Option<OrderId>,
}

#[utoipa::path(post, path = "/baskets", request_body = Basket, responses((status = 200, body = Basket)))]
async fn place_basket(Json(basket): Json<Basket>) -> Json<Basket> {
    Json(basket)
}

#[utoipa::path(get, path = "/numbers", params(Filter, PageParams), responses((status = 200, body = List<u32>)))]
async fn list_numbers(ListQuery { page, .. }: ListQuery<Filter>) -> Result<List<u32>, Problem> {
    let after = page.after::<u32>()?.unwrap_or(0);
    let rows = (after + 1..=45).take(usize::try_from(page.fetch()).unwrap()).collect();
    Ok(page.list(rows, |number| *number))
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(place_basket, list_numbers))]
struct ApiDoc;

const SOLD_OUT: Kind = Kind {
    slug: "sold-out",
    status: StatusCode::CONFLICT,
    title: "Sold <out>",
    meaning: "Nothing is left of `sku`.",
    remedy: "Come back & try again.",
    detail: "no espresso-cup is left",
    errors: &[],
};

fn api() -> Api {
    Api::new(<ApiDoc as utoipa::OpenApi>::openapi(), &[(&SOLD_OUT, &["place_basket"])])
}

fn routes() -> Router {
    Router::new()
        .route("/baskets", post(place_basket))
        .route("/numbers", get(list_numbers))
        .route("/orders/{id}", get(async |Path(id): Path<OrderId>| id.to_string()))
        .route("/products/{sku}", get(async |Path(sku): Path<Sku>| sku.to_string()))
        .route("/orders/{id}/cancel", post(async |Path(_): Path<OrderId>| "cancelled"))
        .route("/filtered", get(async |Query(filter): Query<Filter>| format!("{:?}", filter.owner)))
        .route("/keyed", get(async |key: IdempotencyKey| key.as_str().to_owned()))
        .route("/maybe-keyed", get(async |key: Option<IdempotencyKey>| key.is_some().to_string()))
        .route("/panics", get(panics))
        .route("/hangs", get(std::future::pending::<()>))
        .route("/plain-json", post(async |axum::Json(_): axum::Json<Value>| "read"))
}

#[expect(clippy::panic, reason = "the point of the route")]
async fn panics() {
    panic!("on purpose")
}

fn app() -> App {
    let lifecycle = Lifecycle::new("shop", CancellationToken::new());
    App::new(&lifecycle, routes(), api())
}

/// An answer, its body read.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks everything a problem must have; gives its `errors` as `pointer: detail`.
    #[track_caller]
    fn problem(&self, status: u16, slug: &str) -> Vec<String> {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:counterflow:problem:{slug}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        assert_eq!(self.header("link"), format!("</docs/problems/{slug}>; rel=\"help\""), "{problem}");
        let trace_id = problem["trace_id"].as_str().unwrap();
        assert!(trace_id.len() == 32 && trace_id.bytes().any(|digit| digit != b'0'), "{problem}");
        let error = |error: &Value| {
            format!("{}: {}", error["pointer"].as_str().unwrap(), error["detail"].as_str().unwrap())
        };
        problem["errors"].as_array().map(|errors| errors.iter().map(error).collect()).unwrap_or_default()
    }
}

async fn ask(app: App, request: Request<Body>) -> Answer {
    let response = app.into_router().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8_lossy(&to_bytes(body, usize::MAX).await.unwrap()).into_owned();
    Answer { status: parts.status, headers: parts.headers, text }
}

fn request(method: Method, uri: &str) -> Request<Body> {
    Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()
}

async fn fetch(uri: &str) -> Answer {
    ask(app(), request(Method::GET, uri)).await
}

async fn post_json(uri: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(uri).header("content-type", "application/json").body(body.into()).unwrap();
    ask(app(), request).await
}
