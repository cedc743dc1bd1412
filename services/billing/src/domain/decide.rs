//! One match an input: what the order asks for, and what the gateway answered.

use events::{
    Event, OrderCancelled, OrderConfirmed, OrderCreated, PaymentAuthorized, PaymentCaptureFailed,
    PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentVoided,
};
use kernel::{Money, Timestamp};

use super::{Answer, Asked, Call, Operation, Payment, Standing, evolve};

/// What happened to the order.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The customer ordered.
    Created(&'a OrderCreated),
    /// The order will be delivered.
    Confirmed(&'a OrderConfirmed),
    /// The order will not be delivered.
    Cancelled(&'a OrderCancelled),
}

/// The call of an order that was decided and has no answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// What is asked of the gateway.
    pub operation: Operation,
    /// Whether the gateway may know of it. Only a call that was never tried can be taken back.
    pub tried: bool,
}

/// What to do about an input. The payment itself is changed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Publish and call; both may be empty where the input is only remembered.
    Changed {
        /// In the order they are published.
        events: Vec<Event>,
        /// In the order they are made.
        calls: Vec<CallChange>,
    },
    /// There is nothing to do.
    Ignored(Reason),
}

/// A change to the open call of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallChange {
    /// Make this call.
    Open(Call),
    /// Do not make the open call: it was never tried.
    Withdraw,
}

/// Why there is nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The authorization is under way.
    BeingAuthorized,
    /// The order was cancelled before it was heard of.
    CancelledBeforeCreated,
    /// The authorization was answered.
    AuthorizationAnswered,
    /// The capture is under way.
    BeingCaptured,
    /// The capture was answered.
    CaptureAnswered,
    /// The order was cancelled.
    OrderCancelled,
    /// The gateway declined, which answers everything that follows.
    WasDeclined,
    /// The payment is being undone.
    BeingUndone,
    /// The payment was undone.
    AlreadyUndone,
    /// No such call is open: its answer was booked.
    NotAskedFor,
}

impl Reason {
    /// For logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeingAuthorized => "being_authorized",
            Self::CancelledBeforeCreated => "cancelled_before_created",
            Self::AuthorizationAnswered => "authorization_answered",
            Self::BeingCaptured => "being_captured",
            Self::CaptureAnswered => "capture_answered",
            Self::OrderCancelled => "order_cancelled",
            Self::WasDeclined => "was_declined",
            Self::BeingUndone => "being_undone",
            Self::AlreadyUndone => "already_undone",
            Self::NotAskedFor => "not_asked_for",
        }
    }
}

/// The input breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There is nothing to capture, and no token to authorise with.
    #[error("an order was confirmed that was never created")]
    NeverCreated,
}

/// What the order asks for: changes `payment` and says what else must happen. `open` is the order's open call.
pub fn decide(payment: &mut Payment, open: Option<Open>, input: Input<'_>) -> Result<Decision, Rejected> {
    match input {
        Input::Created(created) => Ok(hold(payment, open, created)),
        Input::Confirmed(confirmed) => take(payment, open, confirmed),
        Input::Cancelled(cancelled) => Ok(undo(payment, open, cancelled)),
    }
}

fn hold(payment: &mut Payment, open: Option<Open>, created: &OrderCreated) -> Decision {
    evolve(payment, &created.clone().into());
    match (&payment.standing, open) {
        (Standing::Pending { amount }, None) => {
            call(Call::Authorize { amount: *amount, payment_token: created.payment_token.clone() })
        }
        (Standing::Pending { .. }, Some(_)) => Decision::Ignored(Reason::BeingAuthorized),
        (Standing::Voided { amount: None, .. }, _) => Decision::Ignored(Reason::CancelledBeforeCreated),
        _ => Decision::Ignored(Reason::AuthorizationAnswered),
    }
}

fn take(payment: &mut Payment, open: Option<Open>, confirmed: &OrderConfirmed) -> Result<Decision, Rejected> {
    evolve(payment, &confirmed.clone().into());
    let reason = match (&payment.standing, open) {
        (Standing::Unknown, _) => return Err(Rejected::NeverCreated),
        (Standing::Voided { .. } | Standing::Refunded { .. }, _) => Reason::AlreadyUndone,
        (Standing::Declined { .. }, _) => Reason::WasDeclined,
        _ if payment.asked == Asked::Undo => Reason::OrderCancelled,
        // The order confirms on PaymentAuthorized alone. Where our log lost that event, the capture follows the answer.
        (Standing::Pending { .. }, _) => return Ok(remembered()),
        (Standing::Authorized { .. }, Some(_)) => Reason::BeingCaptured,
        (Standing::Authorized { amount, .. }, None) => return Ok(call(Call::Capture { amount: *amount })),
        (Standing::Captured { .. } | Standing::CaptureFailed { .. }, _) => Reason::CaptureAnswered,
    };
    Ok(Decision::Ignored(reason))
}

fn undo(payment: &mut Payment, open: Option<Open>, cancelled: &OrderCancelled) -> Decision {
    let again = payment.asked == Asked::Undo;
    evolve(payment, &cancelled.clone().into());
    let undoing = |open: &Open| matches!(open.operation, Operation::Void | Operation::Refund);
    match (&payment.standing, open) {
        (Standing::Declined { .. }, _) => Decision::Ignored(Reason::WasDeclined),
        (Standing::Voided { .. } | Standing::Refunded { .. }, _) => Decision::Ignored(Reason::AlreadyUndone),
        // Asked before: only a database rebuilt from the log meets this order again with a call that was never tried *here*.
        // What the former one did is learnt by trying: the gateway gives its first answer again.
        (_, Some(open)) if again || undoing(&open) => Decision::Ignored(Reason::BeingUndone),
        // Nobody knows what the gateway did: its answer is booked first, then undone.
        (_, Some(open)) if open.tried => remembered(),
        (Standing::Unknown | Standing::Pending { .. }, open) => {
            let event = PaymentVoided {
                order_id: payment.order_id,
                amount: amount_of(&payment.standing),
                gateway_reference: None,
                voided_at: cancelled.cancelled_at,
            };
            let event = publish(payment, event);
            Decision::Changed { events: vec![event], calls: withdrawn(open) }
        }
        (_, open) => {
            let mut calls = withdrawn(open);
            calls.extend(due(payment).map(CallChange::Open));
            Decision::Changed { events: Vec::new(), calls }
        }
    }
}

/// What the gateway answered, which ends the open call: published as what it is, then followed by what was asked for
/// meanwhile. `now` is when it is booked.
pub fn book(payment: &mut Payment, answer: &Answer, now: Timestamp) -> Decision {
    let Some(amount) = awaited(payment, answer) else { return Decision::Ignored(Reason::NotAskedFor) };
    let order_id = payment.order_id;
    let event: Event = match answer.clone() {
        Answer::Authorized { reference } => {
            let gateway_reference = reference.into();
            PaymentAuthorized { order_id, amount, gateway_reference, authorized_at: now }.into()
        }
        Answer::Declined { reference, code } => {
            let (gateway_reference, code) = (reference.map(Into::into), code.as_str().to_owned());
            PaymentDeclined { order_id, amount, gateway_reference, code, declined_at: now }.into()
        }
        Answer::Captured { reference } => {
            let gateway_reference = reference.into();
            PaymentCaptured { order_id, amount, gateway_reference, captured_at: now }.into()
        }
        Answer::CaptureRefused { reference, code } => {
            let (gateway_reference, code) = (reference.map(Into::into), code.as_str().to_owned());
            PaymentCaptureFailed { order_id, amount, gateway_reference, code, failed_at: now }.into()
        }
        Answer::Voided { reference } => {
            let (amount, gateway_reference) = (Some(amount), Some(reference.into()));
            PaymentVoided { order_id, amount, gateway_reference, voided_at: now }.into()
        }
        Answer::Refunded { reference } => {
            let gateway_reference = reference.into();
            PaymentRefunded { order_id, amount, gateway_reference, refunded_at: now }.into()
        }
        Answer::VoidRefused => return call(Call::Refund { amount }),
    };
    let event = publish(payment, event);
    let calls = due(payment).map(CallChange::Open).into_iter().collect();
    Decision::Changed { events: vec![event], calls }
}

/// What the payment needs next, from where the money is to where it was asked to be.
fn due(payment: &Payment) -> Option<Call> {
    match (&payment.standing, payment.asked) {
        (Standing::Authorized { amount, .. }, Asked::Take) => Some(Call::Capture { amount: *amount }),
        (Standing::Authorized { amount, .. } | Standing::CaptureFailed { amount, .. }, Asked::Undo) => {
            Some(Call::Void { amount: *amount })
        }
        (Standing::Captured { amount, .. }, Asked::Undo) => Some(Call::Refund { amount: *amount }),
        _ => None,
    }
}

/// The amount an answer is about; `None` where the payment has moved beyond the call it answers.
fn awaited(payment: &Payment, answer: &Answer) -> Option<Money> {
    let undoing = payment.asked == Asked::Undo;
    match (answer.operation(), &payment.standing) {
        (Operation::Authorize, Standing::Pending { amount })
        | (Operation::Capture, Standing::Authorized { amount, .. }) => Some(*amount),
        (
            Operation::Void | Operation::Refund,
            Standing::Authorized { amount, .. } | Standing::CaptureFailed { amount, .. },
        )
        | (Operation::Refund, Standing::Captured { amount, .. })
            if undoing =>
        {
            Some(*amount)
        }
        _ => None,
    }
}

fn amount_of(standing: &Standing) -> Option<Money> {
    match standing {
        Standing::Pending { amount } => Some(*amount),
        _ => None,
    }
}

fn publish(payment: &mut Payment, event: impl Into<Event>) -> Event {
    let event = event.into();
    evolve(payment, &event);
    event
}

fn withdrawn(open: Option<Open>) -> Vec<CallChange> {
    open.map(|_| CallChange::Withdraw).into_iter().collect()
}

fn call(call: Call) -> Decision {
    Decision::Changed { events: Vec::new(), calls: vec![CallChange::Open(call)] }
}

fn remembered() -> Decision {
    Decision::Changed { events: Vec::new(), calls: Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Reason;

    #[test]
    fn reasons_are_counted_apart() {
        let reasons = [
            Reason::BeingAuthorized,
            Reason::CancelledBeforeCreated,
            Reason::AuthorizationAnswered,
            Reason::BeingCaptured,
            Reason::CaptureAnswered,
            Reason::OrderCancelled,
            Reason::WasDeclined,
            Reason::BeingUndone,
            Reason::AlreadyUndone,
            Reason::NotAskedFor,
        ];
        assert_eq!(reasons.map(Reason::name).into_iter().collect::<BTreeSet<_>>().len(), reasons.len());
    }
}
