//! What callers may ask.

mod error;
mod get_payment;

use axum::Router;
use axum::routing::get;
use service_kit::Api;
use sqlx::PgPool;
use utoipa::OpenApi;

/// The document at `/openapi.json`, without the routes every program has.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Counterflow: billing",
        description = "Where the money of each order is, by the payment gateway's word.",
        version = "1.0.0"
    ),
    paths(get_payment::get_payment)
)]
struct ApiDoc;

/// How the API describes itself.
pub fn api() -> Api {
    ApiDoc::openapi().into()
}

/// What the routes share.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// The service's database.
    pub pool: PgPool,
}

/// The routes.
pub fn routes(state: ApiState) -> Router {
    Router::new().route("/payments/{order_id}", get(get_payment::get_payment)).with_state(state)
}
