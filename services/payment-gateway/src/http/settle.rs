//! What the four operations have in common: a key, a body, an answer that a repeat gets again.

use kernel::{Money, OrderId};
use serde::{Deserialize, Serialize};
use service_kit::IdempotencyKey;

use super::ApiState;
use super::error::Error;
use crate::domain::{Code, Kind};
use crate::ledger::{Entry, Request, Settled};

/// Whose money, and how much.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"order_id": "01924f3e-0000-7000-8000-00000000000f", "amount": {"amount_minor": 2400, "currency": "EUR"}})))]
pub struct SettleBody {
    /// Whose.
    #[schema(value_type = uuid::Uuid)]
    pub order_id: OrderId,
    /// Exactly what was authorized.
    #[schema(value_type = service_kit::openapi::Money)]
    pub amount: Money,
}

/// The answer to an operation.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(examples(json!({"outcome": "approved", "reference": "gw_01890a5dac96774bbcceb302099a8057"})))]
pub struct Answer {
    /// Done or not.
    pub outcome: OutcomeName,
    /// The gateway's name for this answer.
    #[schema(example = "gw_01890a5dac96774bbcceb302099a8057")]
    pub reference: String,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<Code>,
}

/// Done or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeName {
    /// Done, and on the ledger.
    Approved,
    /// Not done, and no repeat changes that.
    Declined,
}

/// Settles a call; tells too whether it is the first under its key.
pub(super) async fn settle(state: &ApiState, request: Request) -> Result<(Answer, bool), Error> {
    match state.ledger.settle(request).await? {
        Settled::First(entry) => Ok((Answer::from(&*entry), true)),
        Settled::Repeat(entry) => Ok((Answer::from(&*entry), false)),
        Settled::KeyReused => Err(Error::KeyReused),
        Settled::Flaky => Err(Error::Flaky),
    }
}

/// A call without a payment token.
pub(super) fn request(key: &IdempotencyKey, kind: Kind, body: &SettleBody) -> Request {
    Request::new(key.as_str().to_owned(), body.order_id, kind, body.amount, "")
}

impl From<&Entry> for Answer {
    fn from(entry: &Entry) -> Self {
        let outcome = if entry.is_effect() { OutcomeName::Approved } else { OutcomeName::Declined };
        Self { outcome, reference: format!("gw_{}", entry.reference.simple()), code: entry.declined }
    }
}
