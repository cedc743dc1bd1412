//! `GET /orders/{order_id}`: what was heard of an order.

use axum::extract::State;
use kernel::OrderId;
use service_kit::{Json, Path, Problem};
use sqlx::PgPool;

use crate::consumer::Newcomer;
use crate::domain::Order;

/// What was heard of an order.
#[utoipa::path(get, path = "/orders/{order_id}", tag = "newcomer",
    params(("order_id" = uuid::Uuid, Path, description = "The order.", example = "01924f3e-0000-7000-8000-00000000000f")),
    responses((status = 200, description = "The order.", body = Object, example = json!({"events": 2, "confirmed": true}))))]
pub async fn get_order(State(pool): State<PgPool>, Path(id): Path<OrderId>) -> Result<Json<Order>, Problem> {
    listener::find::<Newcomer>(&pool, &id).await.map(Json)
}
