//! `GET /reservations/{order_id}`: what is held for an order.

use axum::extract::State;
use kernel::OrderId;
use messaging::Runtime;
use service_kit::{Json, Path};

use super::Error;
use super::views::ReservationView;
use crate::store;

/// What is, or last was, held for an order.
#[utoipa::path(get, path = "/reservations/{order_id}", tag = "reservations",
    params(("order_id" = uuid::Uuid, Path, description = "The order.", example = "01924f3e-0000-7000-8000-00000000000f")),
    responses(
        (status = 200, description = "The order's reservation.", body = ReservationView),
        (status = 404, description = "The order never asked for stock.")))]
pub async fn get_reservation(
    State(runtime): State<Runtime>,
    Path(order_id): Path<OrderId>,
) -> Result<Json<ReservationView>, Error> {
    match store::find_reservation(&runtime.pool, order_id).await? {
        Some(reservation) => Ok(Json(ReservationView::new(order_id, &reservation.state))),
        None => Err(Error::UnknownOrder(order_id)),
    }
}
