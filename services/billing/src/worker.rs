//! Calls as intents: how a decided call waits in the database, how it is made, how its answer is taken in.

use std::collections::BTreeSet;

use events::{Event, PaymentToken};
use kernel::{Ids, Money, OrderId, Timestamp};
use messaging::{Effects, Intent, NewIntent, Perform, Retry, Worker};
use serde::{Deserialize, Serialize};

use crate::consumer::{Billing, Loaded};
use crate::domain::{Answer, Call, Operation, book};
use crate::gateway::PaymentGateway;

/// What a call needs besides the order and the operation. The one place that keeps a token, and no longer than the call waits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    amount: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment_token: Option<PaymentToken>,
}

/// An intent that no code of ours writes.
#[derive(Debug, thiserror::Error)]
pub enum BadIntent {
    /// Whose money?
    #[error("the key is no order")]
    Key(#[source] uuid::Error),
    /// What to do?
    #[error("the kind is no operation")]
    Kind(#[source] crate::domain::BadOperation),
    /// How much?
    #[error("the payload cannot be read")]
    Payload(#[source] serde_json::Error),
    /// By which means?
    #[error("an authorization without a token")]
    NoToken,
}

/// A call as it waits.
pub fn intent(order_id: OrderId, call: &Call, due_at: Timestamp) -> NewIntent {
    let payment_token = match call {
        Call::Authorize { payment_token, .. } => Some(payment_token.expose()),
        Call::Capture { .. } | Call::Void { .. } | Call::Refund { .. } => None,
    };
    let amount = call.amount();
    let mut payload = serde_json::json!({
        "amount": { "amount_minor": amount.amount_minor(), "currency": amount.currency().to_string() },
    });
    if let Some(token) = payment_token {
        payload["payment_token"] = token.into();
    }
    NewIntent { key: order_id.to_string(), kind: call.operation().name(), payload, subject: None, due_at }
}

/// The call that waits.
pub fn call(intent: &Intent) -> Result<(OrderId, Call), BadIntent> {
    let order_id = intent.key.parse().map_err(BadIntent::Key)?;
    let operation: Operation = intent.kind.parse().map_err(BadIntent::Kind)?;
    let Payload { amount, payment_token } =
        Payload::deserialize(&intent.payload).map_err(BadIntent::Payload)?;
    let call = match operation {
        Operation::Authorize => {
            Call::Authorize { amount, payment_token: payment_token.ok_or(BadIntent::NoToken)? }
        }
        Operation::Capture => Call::Capture { amount },
        Operation::Void => Call::Void { amount },
        Operation::Refund => Call::Refund { amount },
    };
    Ok((order_id, call))
}

impl Worker for Billing {
    type Outcome = Answer;

    fn intent_keys(&self, intent: &Intent, keys: &mut BTreeSet<OrderId>) {
        keys.extend(intent.key.parse::<OrderId>().ok());
    }

    fn conclude(
        &self,
        loaded: &mut Loaded,
        intent: &Intent,
        outcome: Answer,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Effects<Event> {
        // Without an order there was no call and so no answer.
        let Ok(order_id) = intent.key.parse() else { return Effects::ignored("not_an_order") };
        let slot = loaded.slot(order_id);
        slot.open = None;
        slot.payment.attempts = u32::try_from(intent.attempts).unwrap_or_default();
        let decision = book(&mut slot.payment, &outcome, now);
        slot.carry_out(decision, now, ids)
    }
}

/// Makes the calls at a gateway.
#[derive(Clone, Debug)]
pub struct Caller<G> {
    gateway: G,
}

impl<G> Caller<G> {
    /// Calls `gateway`.
    pub fn new(gateway: G) -> Self {
        Self { gateway }
    }
}

impl<G: PaymentGateway> Perform<Billing> for Caller<G> {
    async fn perform(&self, intent: &Intent) -> Result<Answer, Retry> {
        match call(intent) {
            Ok((order_id, call)) => {
                self.gateway.call(order_id, &call).await.map_err(|error| error.retry(order_id))
            }
            Err(error) => {
                let cause = std::error::Error::source(&error);
                tracing::error!(intent = intent.id, key = intent.key, %error, cause, "an impossible intent waits");
                Err(Retry {
                    reason: format!("impossible intent {}: {error}", intent.id),
                    after: None,
                    outage: true,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::Currency;
    use messaging::TraceContext;

    use super::*;

    fn stored(new: NewIntent) -> Intent {
        Intent {
            id: 1,
            key: new.key,
            kind: new.kind.to_owned(),
            payload: new.payload,
            causation: None,
            trace: TraceContext::default(),
            attempts: 1,
        }
    }

    fn calls() -> [Call; 4] {
        let amount = Money::new(0, Currency::parse("EUR").unwrap()).unwrap();
        [
            Call::Authorize { amount, payment_token: PaymentToken::parse("tok_ok").unwrap() },
            Call::Capture { amount },
            Call::Void { amount },
            Call::Refund { amount },
        ]
    }

    #[test]
    fn a_call_survives_its_wait() {
        let order_id = OrderId(uuid::Uuid::from_u128(7));
        for wanted in calls() {
            let waiting = stored(intent(order_id, &wanted, Timestamp::from_micros(0).unwrap()));
            assert_eq!(call(&waiting).unwrap(), (order_id, wanted));
        }
    }

    #[test]
    fn the_token_waits_only_with_the_call_that_needs_it() {
        let order_id = OrderId(uuid::Uuid::from_u128(7));
        let waiting = calls().map(|call| intent(order_id, &call, Timestamp::from_micros(0).unwrap()).payload);
        assert_eq!(
            waiting.map(|payload| payload.get("payment_token").is_some()),
            [true, false, false, false]
        );
    }

    #[test]
    fn an_impossible_intent_is_told_from_a_call() {
        let order_id = OrderId(uuid::Uuid::from_u128(7));
        let good = stored(intent(order_id, &calls()[0], Timestamp::from_micros(0).unwrap()));
        let spoil: [fn(&mut Intent); 4] = [
            |intent| intent.key = "7".into(),
            |intent| intent.kind = "charge".into(),
            |intent| intent.payload["amount"] = "ten".into(),
            |intent| intent.payload = serde_json::json!({ "amount": intent.payload["amount"] }),
        ];
        for spoil in spoil {
            let mut bad = good.clone();
            spoil(&mut bad);
            assert!(call(&bad).is_err(), "{:?}", bad.kind);
        }
    }
}
