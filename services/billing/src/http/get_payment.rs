//! `GET /payments/{order_id}`

use axum::extract::State;
use kernel::{Money, OrderId};
use serde::{Deserialize, Serialize};
use service_kit::{Json, Path, Problem, Query};
use utoipa::ToSchema;

use super::ApiState;
use super::error::ApiError;
use crate::domain::{Payment, Standing};
use crate::store;

/// There is nothing to choose.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParameters {}

/// The payment of one order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"order_id": "01924f3e-0000-7000-8000-00000000000f", "status": "captured",
    "amount": {"amount_minor": 2400, "currency": "EUR"}, "attempts": 1,
    "gateway_reference": "gw_01890a5dac96774bbcceb302099a8057"})))]
pub(super) struct PaymentView {
    /// The order.
    #[schema(value_type = Uuid)]
    order_id: OrderId,
    /// Where the money is.
    status: PaymentStatus,
    /// The order's total; null when the order was cancelled before billing heard of it.
    #[schema(value_type = Option<service_kit::openapi::Money>, required = true)]
    amount: Option<Money>,
    /// Calls to the payment gateway: for the operation under way, or else for the last one it answered.
    attempts: u32,
    /// The gateway's own name for the last operation it answered; null before the first, and when it was not called.
    #[schema(required = true)]
    gateway_reference: Option<String>,
}

/// Where the money of an order is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PaymentStatus {
    /// The gateway has not answered yet.
    Pending,
    /// Held.
    Authorized,
    /// Refused.
    Declined,
    /// Taken.
    Captured,
    /// Held, and cannot be taken; it will be voided.
    CaptureFailed,
    /// Nothing is held any more.
    Voided,
    /// Given back.
    Refunded,
}

/// Where the money of an order is.
#[utoipa::path(
    get,
    path = "/payments/{order_id}",
    tag = "payments",
    params(("order_id" = Uuid, Path, description = "The order.", example = "01924f3e-0000-7000-8000-00000000000f")),
    responses(
        (status = 200, description = "The payment.", body = PaymentView),
        (status = 404, description = "No payment of this order is known.")
    )
)]
pub(super) async fn get_payment(
    State(state): State<ApiState>,
    Path(order_id): Path<OrderId>,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Json<PaymentView>, Problem> {
    let known = store::find(&state.pool, order_id).await.map_err(ApiError::from)?;
    Ok(known.and_then(view).map(Json).ok_or(ApiError::UnknownOrder(order_id))?)
}

fn view(payment: Payment) -> Option<PaymentView> {
    let (status, amount, reference) = match payment.standing {
        Standing::Unknown => return None,
        Standing::Pending { amount } => (PaymentStatus::Pending, Some(amount), None),
        Standing::Authorized { amount, reference } => {
            (PaymentStatus::Authorized, Some(amount), Some(reference))
        }
        Standing::Declined { amount, reference } => (PaymentStatus::Declined, Some(amount), reference),
        Standing::Captured { amount, reference } => (PaymentStatus::Captured, Some(amount), Some(reference)),
        Standing::CaptureFailed { amount, reference } => {
            (PaymentStatus::CaptureFailed, Some(amount), reference)
        }
        Standing::Voided { amount, reference } => (PaymentStatus::Voided, amount, reference),
        Standing::Refunded { amount, reference } => (PaymentStatus::Refunded, Some(amount), Some(reference)),
    };
    Some(PaymentView {
        order_id: payment.order_id,
        status,
        amount,
        attempts: payment.attempts,
        gateway_reference: reference.map(Into::into),
    })
}
