//! What callers may ask.

mod error;
mod get_payment;

use axum::Router;
use axum::routing::get;
use sqlx::PgPool;
use utoipa::OpenApi;

/// The document at `/openapi.json`, without the routes every program has.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Billing",
        description = "Where the money of each order is, by the payment gateway's word."
    ),
    paths(get_payment::get_payment)
)]
pub struct ApiDoc;

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
