//! Topic `emails`: what became of each mail. Keyed by order.

use kernel::{CustomerId, OrderId, Timestamp};
use serde::{Deserialize, Serialize};

/// The mail server, or the folder that stands for it, has taken a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailSent {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// Who it went to; name and address are only on the topic `customers`.
    pub customer_id: CustomerId,
    /// What the mail says.
    pub kind: EmailKind,
    /// The mail's `Message-ID`, the same on every attempt, 1 to 320 characters.
    #[serde(
        serialize_with = "crate::wire::write_text::<_, 320>",
        deserialize_with = "crate::wire::read_text::<_, 320>"
    )]
    pub message_id: String,
    /// When the server's answer was booked.
    #[serde(with = "kernel::time::micros")]
    pub sent_at: Timestamp,
}

/// A mail will never be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailFailed {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// Who it was for.
    pub customer_id: CustomerId,
    /// What the mail would have said.
    pub kind: EmailKind,
    /// Why, never the server's own text: that may contain the address.
    pub code: EmailFailure,
    /// When that was found out.
    #[serde(with = "kernel::time::micros")]
    pub failed_at: Timestamp,
}

/// What a mail says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailKind {
    /// A kind newer than this code.
    Unknown,
    /// The order is confirmed.
    Receipt,
    /// The order is cancelled.
    Cancellation,
}

/// Why a mail cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailFailure {
    /// A reason newer than this code.
    Unknown,
    /// The customer was erased before the mail could go.
    CustomerErased,
    /// The server takes no mail for this address.
    AddressRefused,
    /// The server does not take this mail.
    MessageRefused,
}
