//! The steps of the saga a rule is about: what should be in the log, from whom, and after what.

use std::fmt;

/// A step of the saga, by the events that stand for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// One of these.
    pub one_of: &'static [&'static str],
    /// The service that publishes it.
    pub service: &'static str,
    /// What it follows, all of it; nothing where it begins something.
    pub after: &'static [&'static str],
}

pub(crate) const DECISION: Step =
    Step { one_of: &["OrderConfirmed", "OrderCancelled"], service: "order", after: &["OrderCreated"] };
pub(crate) const CONFIRMATION: Step =
    Step { one_of: &["OrderConfirmed"], service: "order", after: &["StockReserved", "PaymentAuthorized"] };
pub(crate) const CANCELLATION: Step =
    Step { one_of: &["OrderCancelled"], service: "order", after: &["OrderCreated"] };

pub(crate) const STOCK_RECEIPT: Step = Step { one_of: &["StockReceived"], service: "inventory", after: &[] };
pub(crate) const STOCK_ANSWER: Step =
    Step { one_of: &["StockReserved", "StockRejected"], service: "inventory", after: &["OrderCreated"] };
pub(crate) const STOCK_COMMIT: Step =
    Step { one_of: &["StockCommitted"], service: "inventory", after: &["OrderConfirmed"] };
pub(crate) const STOCK_RELEASE: Step =
    Step { one_of: &["StockReleased"], service: "inventory", after: &["OrderCancelled"] };

pub(crate) const PAYMENT_ANSWER: Step =
    Step { one_of: &["PaymentAuthorized", "PaymentDeclined"], service: "billing", after: &["OrderCreated"] };
pub(crate) const PAYMENT_CAPTURE: Step =
    Step { one_of: &["PaymentCaptured"], service: "billing", after: &["OrderConfirmed"] };
pub(crate) const PAYMENT_UNDONE: Step =
    Step { one_of: &["PaymentVoided", "PaymentRefunded"], service: "billing", after: &["OrderCancelled"] };

pub(crate) const RECEIPT: Step =
    Step { one_of: &["EmailSent", "EmailFailed"], service: "email", after: &["OrderConfirmed"] };
pub(crate) const NOTICE: Step =
    Step { one_of: &["EmailSent", "EmailFailed"], service: "email", after: &["OrderCancelled"] };

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.one_of.join(" or "), self.service)?;
        match self.after {
            [] => Ok(()),
            after => write!(f, " after {}", after.join(" and ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Step; 12] = [
        DECISION,
        CONFIRMATION,
        CANCELLATION,
        STOCK_RECEIPT,
        STOCK_ANSWER,
        STOCK_COMMIT,
        STOCK_RELEASE,
        PAYMENT_ANSWER,
        PAYMENT_CAPTURE,
        PAYMENT_UNDONE,
        RECEIPT,
        NOTICE,
    ];

    #[test]
    fn every_event_of_a_step_has_a_schema() {
        let schemas = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas");
        for event in ALL.iter().flat_map(|step| step.one_of.iter().chain(step.after)) {
            let is_there = ["orders", "inventory", "payments", "emails"]
                .iter()
                .any(|topic| std::path::Path::new(&format!("{schemas}/{topic}/{event}.avsc")).exists());
            assert!(is_there, "{event} is no event");
        }
    }

    #[test]
    fn a_step_says_who_publishes_what_after_what() {
        assert_eq!(STOCK_COMMIT.to_string(), "StockCommitted by inventory after OrderConfirmed");
        assert_eq!(STOCK_RECEIPT.to_string(), "StockReceived by inventory");
        let both = "OrderConfirmed by order after StockReserved and PaymentAuthorized";
        assert_eq!(CONFIRMATION.to_string(), both);
    }
}
