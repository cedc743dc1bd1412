//! The HTTP API, a file a verb.

mod cancel_order;
mod delete_customer;
mod desk;
pub mod error;
mod get_customer;
mod get_history;
mod get_order;
mod get_product;
mod list_orders;
mod list_products;
mod place_order;
mod put_customer;
pub mod view;
mod watch_order;

use axum::Router;
use axum::routing::{get, post, put};
use kernel::OrderId;
use messaging::Runtime;
use service_kit::{Api, Problem};
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use crate::config::OrderArgs;
use crate::domain::Order;
use crate::store::orders;
use crate::watchers::Watchers;

pub use self::desk::Desk;

/// What the handlers share.
#[derive(Clone)]
pub struct AppState {
    /// Database, clock, ids, outbox.
    pub runtime: Runtime,
    /// Deadlines and limits.
    pub settings: OrderArgs,
    /// Takes orders.
    pub desk: Desk,
    /// Wakes those who wait.
    pub watchers: Watchers,
    /// Ends streams.
    pub shutdown: CancellationToken,
}

/// The routes, spelt as in their documents.
pub fn routes(state: AppState) -> Router {
    Router::new()
        .route(
            "/customers/{id}",
            put(put_customer::put_customer)
                .get(get_customer::get_customer)
                .delete(delete_customer::delete_customer),
        )
        .route("/products", get(list_products::list_products))
        .route("/products/{sku}", get(get_product::get_product))
        .route("/orders", post(place_order::place_order).get(list_orders::list_orders))
        .route(GET_ORDER, get(get_order::get_order))
        .route("/orders/{id}/cancel", post(cancel_order::cancel_order))
        .route("/orders/{id}/events", get(watch_order::watch_order))
        .route("/orders/{id}/history", get(get_history::get_history))
        .with_state(state)
}

/// The route whose answer may take longer than others: a long poll.
pub const GET_ORDER: &str = "/orders/{id}";

/// The document of the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Counterflow: order",
        description = "Takes orders and decides their fate.",
        version = "1.0.0"
    ),
    paths(
        put_customer::put_customer,
        get_customer::get_customer,
        delete_customer::delete_customer,
        list_products::list_products,
        get_product::get_product,
        place_order::place_order,
        list_orders::list_orders,
        get_order::get_order,
        cancel_order::cancel_order,
        watch_order::watch_order,
        get_history::get_history,
    )
)]
struct ApiDoc;

/// How the API describes itself.
pub fn api() -> Api {
    Api::new(ApiDoc::openapi(), error::REFUSALS)
}

impl AppState {
    async fn find_order(&self, id: OrderId) -> Result<Order, Problem> {
        let mut connection = self.runtime.pool.acquire().await?;
        let found = orders::find(&mut connection, id).await.map_err(error::store)?;
        found.ok_or_else(|| error::no_order(id))
    }
}
