//! A cancellation in some moment.

use reqwest::StatusCode;
use serde_json::Value;
use storectl::Program;

use crate::Visit;

/// Orders, looks at the order as often as `round` says, and cancels: each round a moment later in the life of the order. What the
/// cancellation was answered, and the settled order.
pub async fn race(visit: &Visit, round: usize) -> (StatusCode, Value) {
    let order = visit.order(&[("lamp", 1)], "tok_ok").await;
    for _ in 0..round % 20 {
        visit.client.get(Program::Order, &format!("/orders/{order}")).await.expect("the order is there");
    }
    let (status, _) = visit.cancel(&order).await;
    (status, visit.settled(&order).await)
}
