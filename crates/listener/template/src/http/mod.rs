//! The HTTP side: one file a route.

mod get_order;

use utoipa::OpenApi as _;

/// Every route, with its state given.
pub fn routes(pool: sqlx::PgPool) -> axum::Router {
    axum::Router::new().route("/orders/{order_id}", axum::routing::get(get_order::get_order)).with_state(pool)
}

#[derive(utoipa::OpenApi)]
#[openapi(info(title = "Counterflow: newcomer", version = "1.0.0"), paths(get_order::get_order))]
struct ApiDoc;

/// How the API describes itself.
pub fn api() -> service_kit::Api {
    ApiDoc::openapi().into()
}
