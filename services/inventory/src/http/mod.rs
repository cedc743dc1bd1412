//! The HTTP API, one file an endpoint.

mod error;
mod get_reservation;
mod get_stock;
mod list_stock;
mod put_product;
mod receive_stock;
mod views;

use axum::Router;
use axum::routing::{get, post, put};
use messaging::Runtime;
use service_kit::Api;
use utoipa::OpenApi as _;

pub use error::{Error, Written};

/// Every route of the service; what all services answer besides comes from the service kit.
pub fn routes(runtime: Runtime) -> Router {
    Router::new()
        .route("/products/{sku}", put(put_product::put_product))
        .route("/stock", get(list_stock::list_stock))
        .route("/stock/{sku}", get(get_stock::get_stock))
        .route("/stock/{sku}/receipts", post(receive_stock::receive_stock))
        .route("/reservations/{order_id}", get(get_reservation::get_reservation))
        .with_state(runtime)
}

/// The API's document.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Counterflow: inventory",
        description = "The warehouse: products, stock and reservations.",
        version = "1.0.0"
    ),
    paths(
        put_product::put_product,
        list_stock::list_stock,
        get_stock::get_stock,
        receive_stock::receive_stock,
        get_reservation::get_reservation,
    )
)]
struct ApiDoc;

/// How the API describes itself.
pub fn api() -> Api {
    Api::new(ApiDoc::openapi(), error::REFUSALS)
}
