//! `GET /orders/{id}`, with `?wait=` a long poll.

use std::time::Duration;

use axum::extract::State;
use kernel::OrderId;
use serde::Deserialize;
use service_kit::server::ANSWER_WITHIN;
use service_kit::{Json, Path, Problem, Query, duration};
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::{IntoParams, ToSchema};

use super::view::OrderView;
use super::{AppState, error};
use crate::domain::{Order, Status};

/// How long a long poll takes when the caller does not say.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// What to wait for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wait {
    /// Answer when the order is at least so far, or when time is up.
    #[param(inline, example = "settled")]
    wait: Option<WaitFor>,
    /// `500ms` or `5s`, up to 30 s; 10 s when missing.
    #[param(pattern = "^(([0-9]|[12][0-9]|30)s|([0-9]{1,4}|[12][0-9]{4}|30000)ms)$", example = "5s")]
    timeout: Option<String>,
}

/// How far an order may be waited for.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WaitFor {
    /// Confirmed or cancelled.
    Decided,
    /// Stock and payment have followed too.
    Settled,
}

impl WaitFor {
    fn is_met(self, order: &Order) -> bool {
        match self {
            Self::Decided => order.status() != Status::Pending,
            Self::Settled => order.is_settled(),
        }
    }
}

/// An order, as it is or as it is when the wait is over.
#[utoipa::path(get, path = "/orders/{id}", tag = "orders",
    params(("id" = uuid::Uuid, Path, description = "The order.", example = "01924f3e-0000-7000-8000-00000000000f"), Wait),
    responses(
        (status = 200, description = "The order.", body = OrderView),
        (status = 404, description = "There is no such order.")))]
pub async fn get_order(
    State(state): State<AppState>,
    Path(id): Path<OrderId>,
    Query(wait): Query<Wait>,
) -> Result<Json<OrderView>, Problem> {
    let limit = wait.timeout.as_deref().map_or(Ok(TIMEOUT_DEFAULT), parse_timeout)?;
    let order = match wait.wait {
        None => look(&state, id).await?,
        Some(goal) => wait_for(&state, id, goal, Instant::now() + limit).await?,
    };
    Ok(Json(OrderView::of(&order)))
}

async fn wait_for(state: &AppState, id: OrderId, goal: WaitFor, until: Instant) -> Result<Order, Problem> {
    let mut order = look(state, id).await?;
    if goal.is_met(&order) {
        return Ok(order);
    }
    let mut waiter = state.watchers.subscribe(id).map_err(error::full)?;
    loop {
        // Looked at again after subscribing too: no change falls in between. One that cannot be seen now is seen later.
        if let Ok(newer) = look(state, id).await {
            order = newer;
        }
        if goal.is_met(&order) || state.shutdown.is_cancelled() {
            return Ok(order);
        }
        tokio::select! {
            changed = timeout_at(until, waiter.changed()) => if changed.is_err() { return Ok(order) },
            () = state.shutdown.cancelled() => return Ok(order),
        }
    }
}

/// This route has no limit of its own, so each look has.
async fn look(state: &AppState, id: OrderId) -> Result<Order, Problem> {
    timeout(ANSWER_WITHIN, state.find_order(id)).await.unwrap_or_else(|_| Err(error::too_slow()))
}

fn parse_timeout(text: &str) -> Result<Duration, Problem> {
    duration::parse_long_poll(text).map_err(|bad| error::bad_timeout(bad, text))
}
