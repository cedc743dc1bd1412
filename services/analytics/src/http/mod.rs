//! The HTTP side: one file a route.

mod error;
mod list_conversion;
mod list_sales;
mod view;

use axum::Router;
use axum::routing::get;
use service_kit::Api;
use sqlx::PgPool;
use utoipa::OpenApi as _;

/// Every route of the service, with its state given.
pub fn routes(pool: PgPool) -> Router {
    Router::new()
        .route("/sales", get(list_sales::list_sales))
        .route("/conversion", get(list_conversion::list_conversion))
        .with_state(pool)
}

/// The document of these routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Counterflow: analytics",
        description = "What was sold, by product and hour, and what becomes of the orders that are placed; from the log alone, \
                       and therefore some milliseconds behind it.",
        version = "1.0.0"
    ),
    paths(list_sales::list_sales, list_conversion::list_conversion)
)]
struct ApiDoc;

/// How the API describes itself.
pub fn api() -> Api {
    ApiDoc::openapi().into()
}
