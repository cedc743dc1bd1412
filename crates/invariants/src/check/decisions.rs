//! 2: every order is decided once, a confirmed one may be cancelled once more. 5: nothing is held for a settled order.

use super::{Case, Findings, Rule};
use crate::snapshot::{Order, PaymentStatus, Reason, Status, StockStatus};
use crate::step::{
    CANCELLATION, CONFIRMATION, DECISION, PAYMENT_CAPTURE, PAYMENT_UNDONE, STOCK_COMMIT, STOCK_RELEASE, Step,
};

pub(super) fn check(order: &Order, case: &Case<'_>, found: &mut Findings) {
    let id = order.order_id;
    if order.status == Status::Pending {
        found.order(Rule::Decided, id, &[DECISION], "a decision", "a pending order");
    }
    match (order.status, order.reason) {
        (Status::Cancelled, None) => {
            found.order(Rule::Decided, id, &[CANCELLATION], "a reason, for it is cancelled", "none");
        }
        (Status::Pending | Status::Confirmed, Some(reason)) => {
            let expected = format!("no reason, for it is {}", order.status.name());
            found.order(Rule::Decided, id, &[DECISION], expected, reason.name());
        }
        _ => {}
    }
    check_reason(order, case, found);
    if let Some(history) = case.history {
        check_history(order, history, found);
    }
    check_settled(order, found);
}

/// What was confirmed is only undone by the customer or for want of money.
fn check_reason(order: &Order, case: &Case<'_>, found: &mut Findings) {
    let Some(reason) = order.reason else { return };
    let may = match reason {
        Reason::CustomerRequest => true,
        Reason::CaptureFailed => case.was_confirmed(),
        Reason::OutOfStock | Reason::PaymentDeclined | Reason::TimedOut => !case.was_confirmed(),
    };
    if !may {
        let before = if case.was_confirmed() { "a confirmed" } else { "an unconfirmed" };
        let expected = format!("a reason to cancel {before} order");
        found.order(Rule::Decided, order.order_id, &[CONFIRMATION, CANCELLATION], expected, reason.name());
    }
}

fn check_history(order: &Order, history: &[Status], found: &mut Findings) {
    use Status::{Cancelled, Confirmed, Pending};
    let mut steps = history.to_vec();
    steps.dedup();
    let decided_once = [&[Pending, Confirmed][..], &[Pending, Cancelled], &[Pending, Confirmed, Cancelled]];
    if !decided_once.contains(&&steps[..]) || steps.last() != Some(&order.status) {
        let expected = format!("one decision that leads to {}", order.status.name());
        let there = steps.iter().map(|step| step.name()).collect::<Vec<_>>().join(", then ");
        found.order(Rule::Decided, order.order_id, &[DECISION], expected, there);
    }
}

fn check_settled(order: &Order, found: &mut Findings) {
    let (open, expected) = match order.status {
        Status::Pending => return,
        Status::Confirmed => (open_sale(order), "stock committed and payment captured"),
        Status::Cancelled => (still_held(order), "nothing held, in stock or in money"),
    };
    if !open.is_empty() {
        found.order(Rule::NothingHeld, order.order_id, &open, expected, order.progress.to_string());
    } else if !order.settled {
        found.order(
            Rule::NothingHeld,
            order.order_id,
            &[DECISION],
            "settled, for all is done",
            "not settled",
        );
    }
}

fn open_sale(order: &Order) -> Vec<Step> {
    let is_sold = order.progress.stock == StockStatus::Committed;
    let is_paid = order.progress.payment == PaymentStatus::Captured;
    open(&[(is_sold, STOCK_COMMIT), (is_paid, PAYMENT_CAPTURE)])
}

fn still_held(order: &Order) -> Vec<Step> {
    use PaymentStatus::{Declined, Refunded, Voided};
    use StockStatus::{Rejected, Released};
    let is_back = matches!(order.progress.stock, Rejected | Released);
    let is_free = matches!(order.progress.payment, Declined | Voided | Refunded);
    open(&[(is_back, STOCK_RELEASE), (is_free, PAYMENT_UNDONE)])
}

fn open(steps: &[(bool, Step)]) -> Vec<Step> {
    steps.iter().filter(|(is_done, _)| !is_done).map(|(_, step)| *step).collect()
}
