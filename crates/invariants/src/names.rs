//! Words for people, as the APIs spell them.

use std::fmt;

use crate::snapshot::{EffectKind, MailKind, PaymentStatus, Progress, Reason, Status, StockStatus};

impl Status {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Reason {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OutOfStock => "out_of_stock",
            Self::PaymentDeclined => "payment_declined",
            Self::CaptureFailed => "capture_failed",
            Self::TimedOut => "timed_out",
            Self::CustomerRequest => "customer_request",
        }
    }
}

impl StockStatus {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Reserved => "reserved",
            Self::Rejected => "rejected",
            Self::Committed => "committed",
            Self::Released => "released",
        }
    }
}

impl PaymentStatus {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Authorized => "authorized",
            Self::Declined => "declined",
            Self::Captured => "captured",
            Self::CaptureFailed => "capture_failed",
            Self::Voided => "voided",
            Self::Refunded => "refunded",
        }
    }
}

impl MailKind {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Cancellation => "cancellation",
        }
    }
}

impl EffectKind {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stock {}, payment {}", self.stock.name(), self.payment.name())
    }
}
