//! `GET /orders/{id}/history`: the changes of an order so far, as a list.

use axum::extract::State;
use kernel::OrderId;
use service_kit::list::{NoFilter, PageParams};
use service_kit::{List, ListQuery, Path, Problem};

use super::view::ChangeView;
use super::{AppState, error};
use crate::store::changes;

/// The changes of an order so far, oldest first.
///
/// Each is one event that moved the order: its own, or a reply of stock or payment. `GET /orders/{id}/events` tells the same,
/// and goes on while there are more to come.
#[utoipa::path(get, path = "/orders/{id}/history", tag = "orders",
    params(
        ("id" = uuid::Uuid, Path, description = "The order.", example = "01924f3e-0000-7000-8000-00000000000f"),
        PageParams),
    responses(
        (status = 200, description = "A page of changes.", body = List<ChangeView>),
        (status = 404, description = "There is no such order.")))]
pub async fn get_history(
    State(state): State<AppState>,
    Path(id): Path<OrderId>,
    ListQuery { page, filter: NoFilter {} }: ListQuery<NoFilter>,
) -> Result<List<ChangeView>, Problem> {
    let after: Option<u32> = page.after()?;
    state.find_order(id).await?;
    let mut connection = state.runtime.pool.acquire().await?;
    let found = changes::after(&mut connection, id, after.unwrap_or(0).into(), page.fetch()).await;
    Ok(page.list(found.map_err(error::store)?, |change| change.number).map(|change| ChangeView::of(&change)))
}
