//! 3: confirmed ⇔ captured in the gateway's own ledger for exactly the total; cancelled ⇒ nothing kept, nothing held.

use super::{Case, Findings, Rule};
use crate::snapshot::EffectKind::{Authorize, Capture, Refund, Void};
use crate::snapshot::{Effect, EffectKind, Order, Status};

pub(super) fn check(order: &Order, case: &Case<'_>, found: &mut Findings) {
    let mut kinds: Vec<EffectKind> = case.effects.iter().map(|effect| effect.kind).collect();
    kinds.sort_unstable();
    let (allowed, expected): (&[&[EffectKind]], _) = match order.status {
        Status::Confirmed => (&[&[Authorize, Capture]], "authorized and captured once"),
        Status::Cancelled => (
            &[&[], &[Authorize, Void], &[Authorize, Capture, Refund]],
            "nothing charged, or all of it voided or refunded once",
        ),
        Status::Pending => (&[&[], &[Authorize]], "nothing captured"),
    };
    if !allowed.contains(&&kinds[..]) {
        found.order(Rule::Money, order.order_id, expected, spell(&case.effects));
    }
    for effect in &case.effects {
        let id = order.order_id;
        if (effect.amount_minor, effect.currency) != (order.total.amount_minor(), order.total.currency()) {
            let expected = format!("{} of {}, the total", effect.kind.name(), order.total);
            found.order(Rule::Money, id, expected, spell(&[effect]));
        }
        let key = format!("{id}:{}", effect.kind.name());
        if effect.idempotency_key != key {
            found.order(
                Rule::Money,
                id,
                format!("a call named {key}"),
                format!("`{}`", effect.idempotency_key),
            );
        }
    }
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
