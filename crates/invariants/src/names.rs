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

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::Deserialize;
    use serde::de::IntoDeserializer as _;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    fn is_read_as_it_is_told<'de, T: Deserialize<'de> + PartialEq + Debug>(name: &'de str, value: &T) {
        let text: StrDeserializer<'de, Error> = name.into_deserializer();
        assert_eq!(T::deserialize(text).as_ref(), Ok(value));
    }

    #[test]
    fn every_word_is_the_one_the_apis_have_for_it() {
        use PaymentStatus::{Authorized, CaptureFailed, Captured, Declined, Refunded, Voided};
        use Reason::{CustomerRequest, OutOfStock, PaymentDeclined, TimedOut};
        use StockStatus::{Committed, Rejected, Released, Reserved};
        for status in [Status::Pending, Status::Confirmed, Status::Cancelled] {
            is_read_as_it_is_told(status.name(), &status);
        }
        for reason in [OutOfStock, PaymentDeclined, Reason::CaptureFailed, TimedOut, CustomerRequest] {
            is_read_as_it_is_told(reason.name(), &reason);
        }
        for status in [StockStatus::Pending, Reserved, Rejected, Committed, Released] {
            is_read_as_it_is_told(status.name(), &status);
        }
        for status in
            [PaymentStatus::Pending, Authorized, Declined, Captured, CaptureFailed, Voided, Refunded]
        {
            is_read_as_it_is_told(status.name(), &status);
        }
        for kind in [MailKind::Receipt, MailKind::Cancellation] {
            is_read_as_it_is_told(kind.name(), &kind);
        }
        for kind in [EffectKind::Authorize, EffectKind::Capture, EffectKind::Void, EffectKind::Refund] {
            is_read_as_it_is_told(kind.name(), &kind);
        }
    }
}
