//! An order: what was asked for, what became of it, and how far its participants are.

use events::{CancelReason, Line, OrderCancelled, OrderConfirmed};
use kernel::{CustomerId, Money, OrderId, Seen, Sequence, Timestamp};

use super::progress::{Payment, Progress, Stock};

/// The aggregate. It changes by [`Tracked::evolve`](super::Tracked::evolve) only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which.
    pub id: OrderId,
    /// Whose.
    pub customer_id: CustomerId,
    /// What, at the prices of the moment it was placed.
    pub lines: Vec<Line>,
    /// Sum of the lines.
    pub total: Money,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Until when it may stay pending.
    pub deadline_at: Timestamp,
    /// What was decided about it.
    pub fate: Fate,
    /// What its participants have answered.
    pub progress: Progress,
    /// The latest time on any event it was folded from.
    pub updated_at: Timestamp,
    /// Its own events so far.
    pub sequence: Sequence,
    /// Its events on `inventory` so far.
    pub seen_inventory: Seen,
    /// Its events on `payments` so far.
    pub seen_payments: Seen,
    /// How often it has changed.
    pub changes: i64,
}

/// What was decided about an order, with what only that decision has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing yet.
    Pending,
    /// It will be delivered.
    Confirmed {
        /// The customer's window for cancelling starts here.
        at: Timestamp,
    },
    /// It will not be delivered. Final.
    Cancelled {
        /// Why.
        reason: CancelReason,
        /// When it had been confirmed before; then a receipt was mailed too.
        confirmed_at: Option<Timestamp>,
    },
}

/// [`Fate`] as callers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not decided.
    Pending,
    /// To be delivered.
    Confirmed,
    /// Not to be delivered.
    Cancelled(CancelReason),
}

impl Status {
    /// Decided, and stock and payment have followed. A confirmed order that is cancelled becomes unsettled again.
    pub fn is_settled(self, progress: Progress) -> bool {
        match self {
            Self::Pending => false,
            Self::Confirmed => progress == Progress { stock: Stock::Committed, payment: Payment::Captured },
            Self::Cancelled(_) => progress.stock.is_undone() && progress.payment.is_undone(),
        }
    }
}

impl Order {
    /// What callers see of its fate.
    pub fn status(&self) -> Status {
        match self.fate {
            Fate::Pending => Status::Pending,
            Fate::Confirmed { .. } => Status::Confirmed,
            Fate::Cancelled { reason, .. } => Status::Cancelled(reason),
        }
    }

    /// See [`Status::is_settled`].
    pub fn is_settled(&self) -> bool {
        self.status().is_settled(self.progress)
    }

    pub(super) fn confirmed(&self, confirmed_at: Timestamp) -> OrderConfirmed {
        OrderConfirmed {
            order_id: self.id,
            customer_id: self.customer_id,
            lines: self.lines.clone(),
            total: self.total,
            confirmed_at,
        }
    }

    pub(super) fn cancelled(&self, reason: CancelReason, cancelled_at: Timestamp) -> OrderCancelled {
        OrderCancelled {
            order_id: self.id,
            customer_id: self.customer_id,
            lines: self.lines.clone(),
            total: self.total,
            reason,
            cancelled_at,
        }
    }
}
