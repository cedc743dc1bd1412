//! Where stock and payment of an order stand, as their services said last.

use events::Event;

/// What the warehouse has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stock {
    /// Nothing yet.
    Pending,
    /// Every line is set aside.
    Reserved,
    /// At least one line was short; nothing was set aside. Final.
    Rejected,
    /// What was set aside is sold.
    Committed,
    /// Nothing is held for the order any more. Final.
    Released,
}

/// What billing has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payment {
    /// Nothing yet.
    Pending,
    /// The total is held.
    Authorized,
    /// The gateway would not hold the total. Final.
    Declined,
    /// The total is taken.
    Captured,
    /// The gateway would not take what it holds. Not final: it is voided.
    CaptureFailed,
    /// Nothing is held any more. Final.
    Voided,
    /// What was taken is given back. Final.
    Refunded,
}

/// Both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The warehouse.
    pub stock: Stock,
    /// Billing.
    pub payment: Payment,
}

impl Progress {
    /// Nothing has answered.
    pub const NONE: Self = Self { stock: Stock::Pending, payment: Payment::Pending };

    /// After `event`; `None` when that moves nothing.
    pub fn after(self, event: &Event) -> Option<Self> {
        let stock = |stock| Self { stock, ..self };
        let payment = |payment| Self { payment, ..self };
        match event {
            Event::StockReserved(_) => self.stock.to(Stock::Reserved).map(stock),
            Event::StockRejected(_) => self.stock.to(Stock::Rejected).map(stock),
            Event::StockCommitted(_) => self.stock.to(Stock::Committed).map(stock),
            Event::StockReleased(_) => self.stock.to(Stock::Released).map(stock),
            Event::PaymentAuthorized(_) => self.payment.to(Payment::Authorized).map(payment),
            Event::PaymentDeclined(_) => self.payment.to(Payment::Declined).map(payment),
            Event::PaymentCaptured(_) => self.payment.to(Payment::Captured).map(payment),
            Event::PaymentCaptureFailed(_) => self.payment.to(Payment::CaptureFailed).map(payment),
            Event::PaymentVoided(_) => self.payment.to(Payment::Voided).map(payment),
            Event::PaymentRefunded(_) => self.payment.to(Payment::Refunded).map(payment),
            Event::ProductListed(_)
            | Event::CustomerRegistered(_)
            | Event::CustomerErased(_)
            | Event::OrderCreated(_)
            | Event::OrderConfirmed(_)
            | Event::OrderCancelled(_)
            | Event::StockReceived(_)
            | Event::EmailSent(_)
            | Event::EmailFailed(_) => None,
        }
    }
}

impl Stock {
    /// Forward only, and never out of a final state: a repeat moves nothing. Steps may be missing in between, where a record
    /// of the log was discarded.
    fn to(self, next: Self) -> Option<Self> {
        use Stock::{Committed, Pending, Rejected, Released, Reserved};
        match (self, next) {
            (Pending, Reserved | Rejected)
            | (Pending | Reserved, Committed)
            | (Pending | Reserved | Committed, Released) => Some(next),
            (Pending | Reserved | Committed | Rejected | Released, _) => None,
        }
    }

    /// Nothing is held, and nothing will be.
    pub fn is_undone(self) -> bool {
        matches!(self, Self::Rejected | Self::Released)
    }
}

impl Payment {
    /// As [`Stock::to`].
    fn to(self, next: Self) -> Option<Self> {
        use Payment::{Authorized, CaptureFailed, Captured, Declined, Pending, Refunded, Voided};
        match (self, next) {
            (Pending, Authorized | Declined)
            | (Pending | Authorized, Captured | CaptureFailed)
            | (Pending | Authorized | CaptureFailed, Voided)
            | (Pending | Authorized | Captured, Refunded) => Some(next),
            (Pending | Authorized | Captured | CaptureFailed | Declined | Voided | Refunded, _) => None,
        }
    }

    /// Nothing is held or taken, and nothing will be.
    pub fn is_undone(self) -> bool {
        matches!(self, Self::Declined | Self::Voided | Self::Refunded)
    }
}
