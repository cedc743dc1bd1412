//! The HTTP side: one file a route.

mod error;
mod list_emails;

use axum::Router;
use axum::routing::get;
use service_kit::Api;
use sqlx::PgPool;
use utoipa::OpenApi as _;

/// Every route of the service, with its state given.
pub fn routes(pool: PgPool) -> Router {
    Router::new().route("/emails", get(list_emails::list_emails)).with_state(pool)
}

/// The document of these routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Counterflow: email",
        description = "Which mails an order got, and what became of them.",
        version = "1.0.0"
    ),
    paths(list_emails::list_emails)
)]
struct ApiDoc;

/// How the API describes itself.
pub fn api() -> Api {
    ApiDoc::openapi().into()
}
