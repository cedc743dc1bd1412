//! What the service measures; `docs/telemetry.md` says what each name means.

use events::CancelReason;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::domain::{Change, Payment, Snapshot, Status, Stock, Tracked};

pub(crate) const SERVICE: &str = "order";

const CREATED: &str = "orders_created_total";
const DECIDED: &str = "orders_decided_total";
const SETTLED: &str = "orders_settled_total";
const REOPENED: &str = "orders_reopened_total";
const DECISION_SECONDS: &str = "order_decision_duration_seconds";
const SAGA_SECONDS: &str = "order_saga_duration_seconds";
const COMPENSATIONS: &str = "order_compensations_total";
const PENDING: &str = "orders_pending";
const OVERDUE: &str = "orders_overdue";
const WAITERS: &str = "order_waiters";

/// Ways an order can go; in code of the future there may be others.
const OUTCOMES: [Status; 7] = [
    Status::Confirmed,
    Status::Cancelled(CancelReason::OutOfStock),
    Status::Cancelled(CancelReason::PaymentDeclined),
    Status::Cancelled(CancelReason::CaptureFailed),
    Status::Cancelled(CancelReason::TimedOut),
    Status::Cancelled(CancelReason::CustomerRequest),
    Status::Cancelled(CancelReason::Unknown),
];

/// Shows at zero what may come to be counted: a rate begins with the first, not with the second.
pub(crate) fn register() {
    describe_counter!(CREATED, "Orders accepted.");
    describe_counter!(DECIDED, "Orders decided.");
    describe_counter!(SETTLED, "Orders for which stock and payment have answered to the end.");
    describe_counter!(REOPENED, "Settled orders that were cancelled.");
    describe_histogram!(DECISION_SECONDS, "Time from the order to its decision.");
    describe_histogram!(SAGA_SECONDS, "Time from the order to the end of its saga.");
    describe_counter!(COMPENSATIONS, "Steps undone.");
    describe_gauge!(PENDING, "Orders that wait for their decision.");
    describe_gauge!(OVERDUE, "Orders that wait beyond their deadline.");
    describe_gauge!(WAITERS, "Callers that wait for changes of orders.");
    for name in [CREATED, REOPENED] {
        counter!(name, "service" => SERVICE).increment(0);
    }
    for status in OUTCOMES {
        for name in [DECIDED, SETTLED] {
            counter!(name, "service" => SERVICE, "outcome" => outcome(status)).increment(0);
        }
        for name in [DECISION_SECONDS, SAGA_SECONDS] {
            let _shown = histogram!(name, "service" => SERVICE, "outcome" => outcome(status));
        }
    }
    for step in ["stock_released", "payment_voided", "payment_refunded"] {
        counter!(COMPENSATIONS, "service" => SERVICE, "step" => step).increment(0);
    }
    waiting(0.0);
}

/// Orders were accepted.
pub(crate) fn created(orders: usize) {
    counter!(CREATED, "service" => SERVICE).increment(orders as u64);
}

/// An order changed: counts what was decided, undone and settled.
pub(crate) fn changed(tracked: &Tracked) {
    let mut before = tracked.before;
    for Change { after, .. } in &tracked.unsaved {
        let took = after.updated_at.since(tracked.order.created_at);
        let labels = [("service", SERVICE), ("outcome", outcome(after.status))];
        if after.status != before.status {
            counter!(DECIDED, &labels).increment(1);
            histogram!(DECISION_SECONDS, &labels).record(took);
        }
        if after.is_settled() && !before.is_settled() {
            counter!(SETTLED, &labels).increment(1);
            histogram!(SAGA_SECONDS, &labels).record(took);
        }
        if before.is_settled() && !after.is_settled() {
            counter!(REOPENED, "service" => SERVICE).increment(1);
        }
        for step in undone(&before, after) {
            counter!(COMPENSATIONS, "service" => SERVICE, "step" => step).increment(1);
        }
        before = *after;
    }
}

/// What `after` says was undone since `before`.
fn undone(before: &Snapshot, after: &Snapshot) -> impl Iterator<Item = &'static str> {
    let stock = match after.progress.stock {
        Stock::Released => Some("stock_released"),
        Stock::Pending | Stock::Reserved | Stock::Rejected | Stock::Committed => None,
    };
    let payment = match after.progress.payment {
        Payment::Voided => Some("payment_voided"),
        Payment::Refunded => Some("payment_refunded"),
        Payment::Pending
        | Payment::Authorized
        | Payment::Declined
        | Payment::Captured
        | Payment::CaptureFailed => None,
    };
    let stock = stock.filter(|_| before.progress.stock != after.progress.stock);
    let payment = payment.filter(|_| before.progress.payment != after.progress.payment);
    stock.into_iter().chain(payment)
}

/// Orders that wait for their decision, and those that wait for too long.
pub(crate) fn pending(pending: i64, overdue: i64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^53")]
    let (pending, overdue) = (pending as f64, overdue as f64);
    gauge!(PENDING, "service" => SERVICE).set(pending);
    gauge!(OVERDUE, "service" => SERVICE).set(overdue);
}

/// Callers that wait for changes of orders.
pub(crate) fn waiting(change: f64) {
    gauge!(WAITERS, "service" => SERVICE).increment(change);
}

fn outcome(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Confirmed => "confirmed",
        Status::Cancelled(CancelReason::Unknown) => "unknown",
        Status::Cancelled(CancelReason::OutOfStock) => "out_of_stock",
        Status::Cancelled(CancelReason::PaymentDeclined) => "payment_declined",
        Status::Cancelled(CancelReason::CaptureFailed) => "capture_failed",
        Status::Cancelled(CancelReason::TimedOut) => "timed_out",
        Status::Cancelled(CancelReason::CustomerRequest) => "customer_request",
    }
}
