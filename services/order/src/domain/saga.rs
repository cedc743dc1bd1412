//! The saga: what an order does next. Each step stands beside what undoes it.
//!
//! It looks at what is known, not at what just arrived: a decision that was lost with a database is made again when any
//! reply is read again.

use std::time::Duration;

use events::CancelReason::{CaptureFailed, CustomerRequest, OutOfStock, PaymentDeclined, TimedOut};
use events::Event;
use kernel::Timestamp;

use super::order::{Fate, Order};
use super::progress::{Payment, Stock};

/// What makes an order look where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A reply has moved its progress.
    Reply,
    /// The sweeper found it due.
    Deadline,
    /// The customer wants to cancel; a confirmed order can be cancelled for as long as `window` after its confirmation.
    Customer {
        /// Length of the window.
        window: Duration,
    },
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This has happened.
    Changed(Box<Event>),
    /// Nothing, for this reason.
    Ignored(&'static str),
}

/// The customer may not cancel the order any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the order can be cancelled until {until}")]
pub struct PastWindow {
    /// When the window closed.
    pub until: Timestamp,
}

impl Order {
    /// Decides.
    pub fn decide(&self, trigger: Trigger, now: Timestamp) -> Result<Decision, PastWindow> {
        let confirm = || Ok(Decision::Changed(Box::new(self.confirmed(now).into())));
        let cancel = |reason| Ok(Decision::Changed(Box::new(self.cancelled(reason, now).into())));
        let ignore = |reason| Ok(Decision::Ignored(reason));

        match (self.fate, trigger, self.progress.stock, self.progress.payment) {
            // OrderCreated: inventory reserves (undone by releasing), billing authorises (undone by voiding).
            // Both said yes → OrderConfirmed: inventory commits (undone by putting back), billing captures (undone by refunding).
            (Fate::Pending, Trigger::Reply, Stock::Reserved, Payment::Authorized) => confirm(),
            // One said no → OrderCancelled: the other undoes what it did, or what it is still doing.
            (Fate::Pending, Trigger::Reply, Stock::Rejected, _) => cancel(OutOfStock),
            (Fate::Pending, Trigger::Reply, _, Payment::Declined) => cancel(PaymentDeclined),
            (Fate::Pending, Trigger::Reply, _, _) => ignore("waits_for_other_reply"),

            // Nobody may wait for ever: both undo whatever they did, and what arrives later finds the order cancelled.
            (Fate::Pending, Trigger::Deadline, _, _) if now >= self.deadline_at => cancel(TimedOut),
            (Fate::Pending, Trigger::Deadline, _, _) => ignore("not_due"),
            (Fate::Pending, Trigger::Customer { .. }, _, _) => cancel(CustomerRequest),

            // The money could not be taken → OrderCancelled: billing voids what it holds, inventory puts back.
            (Fate::Confirmed { .. }, Trigger::Reply, _, Payment::CaptureFailed) => cancel(CaptureFailed),
            (Fate::Confirmed { .. }, Trigger::Reply, _, _) => ignore("already_confirmed"),
            (Fate::Confirmed { .. }, Trigger::Deadline, _, _) => ignore("decided_in_time"),
            // Within the window → OrderCancelled: billing refunds, inventory puts back.
            (Fate::Confirmed { at }, Trigger::Customer { window }, _, _) => {
                let until = at.plus(window);
                if now <= until { cancel(CustomerRequest) } else { Err(PastWindow { until }) }
            }

            // Cancelled is final; replies to it only move its progress until it is settled.
            (Fate::Cancelled { .. }, _, _, _) => ignore("already_cancelled"),
        }
    }
}
