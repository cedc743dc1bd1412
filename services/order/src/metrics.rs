//! What the service measures. Names are in the project's table of metrics.

use events::CancelReason;
use metrics::{counter, gauge, histogram};

use crate::domain::{Change, Status, Tracked};

pub(crate) const SERVICE: &str = "order";

/// Orders were accepted.
pub(crate) fn created(orders: usize) {
    counter!("orders_created_total", "service" => SERVICE).increment(orders as u64);
}

/// An order changed: counts what was decided and what got settled.
pub(crate) fn changed(tracked: &Tracked) {
    let mut before = tracked.before;
    for Change { after, .. } in &tracked.unsaved {
        if after.status != before.status {
            let took = after.updated_at.since(tracked.order.created_at);
            let labels = [("service", SERVICE), ("outcome", outcome(after.status))];
            counter!("orders_decided_total", &labels).increment(1);
            histogram!("order_saga_duration_seconds", &labels).record(took);
        }
        if after.is_settled() && !before.is_settled() {
            let labels = [("service", SERVICE), ("outcome", outcome(after.status))];
            counter!("orders_settled_total", &labels).increment(1);
        }
        before = *after;
    }
}

/// Orders that wait for their decision, and those that wait for too long.
pub(crate) fn pending(pending: i64, overdue: i64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^53")]
    let (pending, overdue) = (pending as f64, overdue as f64);
    gauge!("orders_pending", "service" => SERVICE).set(pending);
    gauge!("orders_overdue", "service" => SERVICE).set(overdue);
}

/// Callers that wait for changes of orders.
pub(crate) fn waiting(change: f64) {
    gauge!("order_waiters", "service" => SERVICE).increment(change);
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
