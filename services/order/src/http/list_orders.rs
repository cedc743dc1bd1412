//! `GET /orders`.

use axum::extract::State;
use kernel::CustomerId;
use serde::Deserialize;
use service_kit::list::PageParams;
use service_kit::{List, ListQuery, Problem};
use utoipa::IntoParams;

use super::view::{OrderView, StatusView};
use super::{AppState, error};
use crate::store::orders::{self, Filter};

/// Which orders.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrderFilter {
    /// Only of this customer.
    #[param(value_type = Option<uuid::Uuid>, example = "01924f3e-0000-7000-8000-000000000001")]
    customer_id: Option<CustomerId>,
    /// Only in this state.
    #[param(inline, example = "confirmed")]
    status: Option<StatusView>,
}

/// Orders, newest first.
#[utoipa::path(get, path = "/orders", tag = "orders", params(OrderFilter, PageParams),
    responses((status = 200, description = "A page of orders.", body = List<OrderView>)))]
pub async fn list_orders(
    State(state): State<AppState>,
    ListQuery { page, filter }: ListQuery<OrderFilter>,
) -> Result<List<OrderView>, Problem> {
    // Our ids are UUIDv7: their order is the order of making, and a cursor of one id is all it takes.
    let after = page.after()?;
    let filter = Filter { customer_id: filter.customer_id, status: filter.status.map(StatusView::column) };
    let mut connection = state.runtime.pool.acquire().await?;
    let orders = orders::list(&mut connection, filter, after, page.fetch()).await.map_err(error::store)?;
    Ok(page.list(orders, |order| order.id).map(|order| OrderView::of(&order)))
}
