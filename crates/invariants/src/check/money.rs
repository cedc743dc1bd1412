//! 3: confirmed ⇔ captured in the gateway's own ledger for exactly the total; cancelled ⇒ nothing kept, nothing held, and
//! nothing ever taken where the reason says that it was never confirmed.

use super::{Case, Findings, Rule};
use crate::snapshot::EffectKind::{Authorize, Capture, Refund, Void};
use crate::snapshot::{Effect, EffectKind, Order, Reason, Status};
use crate::step::{PAYMENT_ANSWER, PAYMENT_CAPTURE, PAYMENT_UNDONE, Step};

pub(super) fn check(order: &Order, case: &Case<'_>, found: &mut Findings) {
    let mut kinds: Vec<EffectKind> = case.effects.iter().map(|effect| effect.kind).collect();
    kinds.sort_unstable();
    let (allowed, expected): (&[&[EffectKind]], _) = match order.status {
        Status::Confirmed => (&[&[Authorize, Capture]], "authorized and captured once"),
        Status::Cancelled => match order.reason {
            // Only a customer cancels what was confirmed and taken.
            Some(Reason::OutOfStock | Reason::PaymentDeclined | Reason::TimedOut | Reason::CaptureFailed) => {
                (&[&[], &[Authorize, Void]], "nothing captured, and what was held voided once")
            }
            Some(Reason::CustomerRequest) | None => (
                &[&[], &[Authorize, Void], &[Authorize, Capture, Refund]],
                "nothing charged, or all of it voided or refunded once",
            ),
        },
        Status::Pending => (&[&[], &[Authorize]], "nothing captured"),
    };
    if !allowed.contains(&&kinds[..]) {
        let steps = steps(order.status, &kinds);
        found.order(Rule::Money, order.order_id, &steps, expected, spell(&case.effects));
    }
    for effect in &case.effects {
        let id = order.order_id;
        if (effect.amount_minor, effect.currency) != (order.total.amount_minor(), order.total.currency()) {
            let expected = format!("{} of {}, the total", effect.kind.name(), order.total);
            found.order(Rule::Money, id, &[step(effect.kind)], expected, spell(&[effect]));
        }
        let key = format!("{id}:{}", effect.kind.name());
        if effect.idempotency_key != key {
            found.order(
                Rule::Money,
                id,
                &[step(effect.kind)],
                format!("a call named {key}"),
                format!("`{}`", effect.idempotency_key),
            );
        }
    }
}

fn step(kind: EffectKind) -> Step {
    match kind {
        Authorize => PAYMENT_ANSWER,
        Capture => PAYMENT_CAPTURE,
        Void | Refund => PAYMENT_UNDONE,
    }
}

/// Those that are missing, too many, or not to be there.
fn steps(status: Status, kinds: &[EffectKind]) -> Vec<Step> {
    let count = |kind| kinds.iter().filter(|one| **one == kind).count();
    let undone = count(Void) + count(Refund);
    let (answer, capture) = (count(Authorize), count(Capture));
    let as_it_should = match status {
        Status::Confirmed => [answer == 1, capture == 1, undone == 0],
        Status::Cancelled => [answer <= 1, capture <= 1, undone == 1 && answer == 1],
        Status::Pending => [answer <= 1, capture == 0, undone == 0],
    };
    let wrong = [PAYMENT_ANSWER, PAYMENT_CAPTURE, PAYMENT_UNDONE].into_iter().zip(as_it_should);
    let wrong: Vec<Step> = wrong.filter(|(_, is_right)| !is_right).map(|(step, _)| step).collect();
    // Each is there once, but they do not belong together: a refund of what was not captured, a void of what was.
    if wrong.is_empty() { vec![PAYMENT_CAPTURE, PAYMENT_UNDONE] } else { wrong }
}

/// For people.
pub(super) fn spell(effects: &[&Effect]) -> String {
    if effects.is_empty() {
        return "nothing on the ledger".to_owned();
    }
    let one =
        |effect: &&Effect| format!("{} {} {}", effect.kind.name(), effect.amount_minor, effect.currency);
    effects.iter().map(one).collect::<Vec<_>>().join(", ")
}
