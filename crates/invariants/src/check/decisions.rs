//! 2: every order is decided once, a confirmed one may be cancelled once more. 5: nothing is held for a settled order.

use super::{Case, Findings, Rule};
use crate::snapshot::{Order, PaymentStatus, Reason, Status, StockStatus};

pub(super) fn check(order: &Order, case: &Case<'_>, found: &mut Findings) {
    let id = order.order_id;
    if order.status == Status::Pending {
        found.order(Rule::Decided, id, "a decision", "a pending order");
    }
    match (order.status, order.reason) {
        (Status::Cancelled, None) => found.order(Rule::Decided, id, "a reason, for it is cancelled", "none"),
        (Status::Pending | Status::Confirmed, Some(reason)) => {
            found.order(
                Rule::Decided,
                id,
                format!("no reason, for it is {:?}", order.status),
                format!("{reason:?}"),
            );
        }
        _ => {}
    }
    // What was confirmed is only undone by the customer or for want of money.
    if let Some(reason) = order.reason {
        let may = match reason {
            Reason::CustomerRequest => true,
            Reason::CaptureFailed => case.was_confirmed(),
            Reason::OutOfStock | Reason::PaymentDeclined | Reason::TimedOut => !case.was_confirmed(),
        };
        if !may {
            let before = if case.was_confirmed() { "a confirmed" } else { "an unconfirmed" };
            found.order(
                Rule::Decided,
                id,
                format!("a reason to cancel {before} order"),
                format!("{reason:?}"),
            );
        }
    }
    if let Some(history) = case.history {
        check_history(order, history, found);
    }
    check_settled(order, found);
}

fn check_history(order: &Order, history: &[Status], found: &mut Findings) {
    use Status::{Cancelled, Confirmed, Pending};
    let mut steps = history.to_vec();
    steps.dedup();
    let decided_once = [&[Pending, Confirmed][..], &[Pending, Cancelled], &[Pending, Confirmed, Cancelled]];
    if !decided_once.contains(&&steps[..]) || steps.last() != Some(&order.status) {
        found.order(
            Rule::Decided,
            order.order_id,
            format!("one decision that leads to {:?}", order.status),
            format!("{steps:?}"),
        );
    }
}

fn check_settled(order: &Order, found: &mut Findings) {
    use PaymentStatus::{Captured, Declined, Refunded, Voided};
    use StockStatus::{Committed, Rejected, Released};
    let progress = order.progress;
    let (done, expected) = match order.status {
        Status::Pending => return,
        Status::Confirmed => (
            progress.stock == Committed && progress.payment == Captured,
            "stock committed and payment captured",
        ),
        Status::Cancelled => (
            matches!(progress.stock, Rejected | Released)
                && matches!(progress.payment, Declined | Voided | Refunded),
            "nothing held, in stock or in money",
        ),
    };
    if !done {
        found.order(Rule::NothingHeld, order.order_id, expected, format!("{progress:?}"));
    } else if !order.settled {
        found.order(Rule::NothingHeld, order.order_id, "settled, for all is done", "not settled");
    }
}
