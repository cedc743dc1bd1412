//! `POST /orders/{id}/cancel`: the customer does not want it any more.

use std::collections::BTreeSet;

use axum::extract::State;
use kernel::OrderId;
use messaging::{Cause, FailPoint};
use service_kit::{Json, Path, Problem};

use super::view::OrderView;
use super::{AppState, error};
use crate::domain::{Decision, Trigger};
use crate::effects;
use crate::store::{Key, Store};

/// Cancels an order; stock and payment are undone after the answer.
#[utoipa::path(post, path = "/orders/{id}/cancel", tag = "orders",
    params(("id" = uuid::Uuid, Path, description = "The order.", example = "01924f3e-0000-7000-8000-00000000000f")),
    responses(
        (status = 200, description = "The order, cancelled now or before.", body = OrderView),
        (status = 404, description = "There is no such order."),
        (status = 409, description = "The order was confirmed too long ago.")))]
pub async fn cancel_order(
    State(state): State<AppState>,
    Path(id): Path<OrderId>,
) -> Result<Json<OrderView>, Problem> {
    let runtime = &state.runtime;
    let mut transaction = runtime.pool.begin().await?;
    let mut loaded =
        Store.load(&mut transaction, &BTreeSet::from([Key::Order(id)])).await.map_err(error::store)?;
    let deciding = runtime.deciding("decide cancel_order", &Cause::request(), id);
    let tracked = loaded.orders.get_mut(&id).ok_or_else(|| error::no_order(id))?;
    let now = runtime.clock.now();
    let trigger = Trigger::Customer { window: state.settings.cancel_window };
    let decision = tracked.order.decide(trigger, now).map_err(error::past_window)?;
    if let Decision::Ignored(_) = decision {
        return Ok(Json(OrderView::of(&tracked.order)));
    }
    let effects = effects::carry_out(tracked, decision, runtime.ids.as_ref());
    let view = OrderView::of(&tracked.order);
    Store.save(&mut transaction, loaded).await.map_err(error::store)?;
    let cause = Cause::request().within(&deciding);
    drop(deciding);
    let unsent = runtime.outbox.write(&mut transaction, effects, cause, now).await.map_err(error::store)?;
    FailPoint::RequestCommitting.reach();
    transaction.commit().await?;
    FailPoint::RequestCommitted.reach();
    runtime.outbox.wake(unsent);
    state.watchers.wake(id);
    Ok(Json(view))
}
