//! One answer, in memory and as a line of the file.

use std::fmt;

use kernel::{Money, OrderId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::domain::{Code, Kind, Operation, Outcome, Quirk, Token};

/// A call: what is asked, and under which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `Idempotency-Key`.
    pub idempotency_key: String,
    /// Whose money.
    pub order_id: OrderId,
    /// What to do with it.
    pub operation: Operation,
    /// How much.
    pub amount: Money,
    /// Tells this call from any other under the same key.
    pub fingerprint: Fingerprint,
}

impl Request {
    /// A call; `payment_token` only to authorize, and not kept.
    pub fn new(
        idempotency_key: String,
        order_id: OrderId,
        kind: Kind,
        amount: Money,
        payment_token: &str,
    ) -> Self {
        let operation = match kind {
            Kind::Authorize => Operation::Authorize(Token::read(payment_token)),
            Kind::Capture => Operation::Capture,
            Kind::Void => Operation::Void,
            Kind::Refund => Operation::Refund,
        };
        let content = format!("{kind} {order_id} {amount} {payment_token}");
        let fingerprint = Fingerprint(Sha256::digest(content.as_bytes()).into());
        Self { idempotency_key, order_id, operation, amount, fingerprint }
    }
}

/// SHA-256 of everything a call asks for: the file recognises a repeat without holding payment tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// One answer; one line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Under which it was asked.
    pub idempotency_key: String,
    /// What was asked.
    pub fingerprint: Fingerprint,
    /// Whose money.
    pub order_id: OrderId,
    /// What was to be done.
    pub kind: Kind,
    /// How much.
    pub amount: Money,
    /// Why not; absent when it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined: Option<Code>,
    /// What an authorization leaves behind.
    pub quirk: Quirk,
    /// The gateway's name for the answer.
    pub reference: Uuid,
    /// When.
    pub at: Timestamp,
}

impl Entry {
    /// The answer to `request`.
    pub fn new(request: &Request, outcome: Outcome, reference: Uuid, at: Timestamp) -> Self {
        let (declined, quirk) = match (outcome, request.operation) {
            (Outcome::Declined(code), _) => (Some(code), Quirk::None),
            (Outcome::Approved, Operation::Authorize(token)) => (None, token.quirk()),
            (Outcome::Approved, Operation::Capture | Operation::Void | Operation::Refund) => {
                (None, Quirk::None)
            }
        };
        Self {
            idempotency_key: request.idempotency_key.clone(),
            fingerprint: request.fingerprint,
            order_id: request.order_id,
            kind: request.operation.kind(),
            amount: request.amount,
            declined,
            quirk,
            reference,
            at,
        }
    }

    /// Whether it moved money.
    pub fn is_effect(&self) -> bool {
        self.declined.is_none()
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = text.as_bytes();
        let mut digest = [0; 32];
        if bytes.len() != 64 || !bytes.iter().all(u8::is_ascii_hexdigit) {
            return Err(D::Error::custom("a fingerprint is 64 hexadecimal digits"));
        }
        for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(D::Error::custom)?;
            *byte = u8::from_str_radix(digits, 16).map_err(D::Error::custom)?;
        }
        Ok(Self(digest))
    }
}
