//! What callers want done, and what they are answered.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Token;

/// What a caller wants done with an order's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Hold it.
    Authorize(Token),
    /// Take what is held.
    Capture,
    /// Let go of what is held.
    Void,
    /// Give back what was taken.
    Refund,
}

/// The operations' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Hold.
    Authorize,
    /// Take.
    Capture,
    /// Let go.
    Void,
    /// Give back.
    Refund,
}

impl Operation {
    /// Its name.
    pub fn kind(self) -> Kind {
        match self {
            Self::Authorize(_) => Kind::Authorize,
            Self::Capture => Kind::Capture,
            Self::Void => Kind::Void,
            Self::Refund => Kind::Refund,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        })
    }
}

/// Why an operation is declined. Codes are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The bank says no.
    CardDeclined,
    /// The customer has too little.
    InsufficientFunds,
    /// Nobody knows the token.
    UnknownToken,
    /// An order is authorized once.
    AlreadyAuthorized,
    /// Nothing is held for the order.
    NotAuthorized,
    /// It is not the amount that was authorized.
    AmountMismatch,
    /// The bank will never let it be taken.
    CaptureRefused,
    /// It was taken already.
    AlreadyCaptured,
    /// It was let go already.
    AlreadyVoided,
    /// It was given back already.
    AlreadyRefunded,
    /// Nothing was ever held for the order.
    NothingToVoid,
    /// Nothing was taken.
    NotCaptured,
}

/// The answer to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done: goes on the ledger.
    Approved,
    /// Not done, and no repeat changes that.
    Declined(Code),
}
