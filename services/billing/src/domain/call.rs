//! What is asked of the payment gateway, and what it may answer.

use std::fmt;
use std::str::FromStr;

use events::PaymentToken;
use kernel::text::{BadText, bounded};
use kernel::{Money, OrderId};

/// The four things the gateway can do. Each happens at most once an order: its name is part of the idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Hold the total.
    Authorize,
    /// Take what is held.
    Capture,
    /// Let go of what is held.
    Void,
    /// Give back what was taken.
    Refund,
}

/// No operation has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no operation of the gateway")]
pub struct BadOperation(String);

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Authorize, Self::Capture, Self::Void, Self::Refund];

    /// The gateway's idempotency key: of one order each operation happens once, whoever asks, also after billing's database was lost.
    pub fn idempotency_key(self, order_id: OrderId) -> String {
        format!("{order_id}:{self}")
    }

    /// The kind of the intent, the path at the gateway, the end of the idempotency key.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }
}

impl FromStr for Operation {
    type Err = BadOperation;
    fn from_str(text: &str) -> Result<Self, BadOperation> {
        Self::ALL.into_iter().find(|known| known.name() == text).ok_or_else(|| BadOperation(text.to_owned()))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A call that is to be made for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Hold the total.
    Authorize {
        /// The order's total.
        amount: Money,
        /// Whose money; kept nowhere but in the waiting call.
        payment_token: PaymentToken,
    },
    /// Take what is held.
    Capture {
        /// All of it.
        amount: Money,
    },
    /// Let go of what is held.
    Void {
        /// All of it.
        amount: Money,
    },
    /// Give back what was taken.
    Refund {
        /// All of it.
        amount: Money,
    },
}

impl Call {
    /// Which operation it is.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Authorize { .. } => Operation::Authorize,
            Self::Capture { .. } => Operation::Capture,
            Self::Void { .. } => Operation::Void,
            Self::Refund { .. } => Operation::Refund,
        }
    }

    /// How much it is about: always the order's total.
    pub fn amount(&self) -> Money {
        match self {
            Self::Authorize { amount, .. }
            | Self::Capture { amount }
            | Self::Void { amount }
            | Self::Refund { amount } => *amount,
        }
    }
}

/// The gateway's own name for an operation: 1 to 200 printable characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(String);

impl Reference {
    /// The only way in.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        bounded(text, 200).map(|()| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.0
    }
}

/// Why the gateway refuses, in its own word: 1 to 100 printable characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// The only way in.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        bounded(text, 100).map(|()| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What came of a call, for good. An answer that may still change never gets here, nor does a refused refund: it is money
/// we owe, so the call is made again until it is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The total is held.
    Authorized {
        /// Name of the hold.
        reference: Reference,
    },
    /// The total is not held.
    Declined {
        /// Name of the refusal, when it has one.
        reference: Option<Reference>,
        /// Why.
        code: Code,
    },
    /// The total is taken.
    Captured {
        /// Name of the capture.
        reference: Reference,
    },
    /// The total is held and cannot be taken.
    CaptureRefused {
        /// Name of the refusal, when it has one.
        reference: Option<Reference>,
        /// Why.
        code: Code,
    },
    /// Nothing is held any more.
    Voided {
        /// Name of the void.
        reference: Reference,
    },
    /// There is no hold to let go of: it was captured by a call this database knows nothing of (it was rebuilt from a
    /// log that the answer never reached).
    VoidRefused,
    /// The total is given back.
    Refunded {
        /// Name of the refund.
        reference: Reference,
    },
}

impl Answer {
    /// The operation it answers.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Authorized { .. } | Self::Declined { .. } => Operation::Authorize,
            Self::Captured { .. } | Self::CaptureRefused { .. } => Operation::Capture,
            Self::Voided { .. } | Self::VoidRefused => Operation::Void,
            Self::Refunded { .. } => Operation::Refund,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_operation_is_known_by_its_name_and_happens_once_an_order_by_its_key() {
        let order_id = OrderId(Uuid::from_u128(7));
        for (operation, name) in [
            (Operation::Authorize, "authorize"),
            (Operation::Capture, "capture"),
            (Operation::Void, "void"),
            (Operation::Refund, "refund"),
        ] {
            assert_eq!(name.parse(), Ok(operation));
            assert_eq!(operation.to_string(), name);
            assert_eq!(operation.idempotency_key(order_id), format!("{order_id}:{name}"));
        }
        assert_eq!("charge".parse::<Operation>(), Err(BadOperation("charge".to_owned())));
    }

    #[test]
    fn a_reference_is_kept_as_the_gateway_said_it() {
        assert_eq!(Reference::parse("ch_17").unwrap().as_str(), "ch_17");
    }
}
