//! Topic `payments`: what the gateway answered. Keyed by order.

use kernel::{Money, OrderId, Timestamp};
use serde::{Deserialize, Serialize};

/// The gateway holds the order's total for us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAuthorized {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// What is held: the order's total.
    pub amount: Money,
    /// The gateway's own name for this operation, 1 to 200 characters.
    #[serde(
        serialize_with = "crate::wire::write_text::<_, 200>",
        deserialize_with = "crate::wire::read_text::<_, 200>"
    )]
    pub gateway_reference: String,
    /// When the gateway's answer was booked.
    #[serde(with = "kernel::time::micros")]
    pub authorized_at: Timestamp,
}

/// The gateway refuses to hold the order's total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDeclined {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// What was asked for: the order's total.
    pub amount: Money,
    /// The gateway's own name for this operation, 1 to 200 characters; `None` when it gave none.
    #[serde(
        serialize_with = "crate::wire::write_optional_text::<_, 200>",
        deserialize_with = "crate::wire::read_optional_text::<_, 200>"
    )]
    pub gateway_reference: Option<String>,
    /// Why, in one word of the gateway, 1 to 100 characters.
    #[serde(
        serialize_with = "crate::wire::write_text::<_, 100>",
        deserialize_with = "crate::wire::read_text::<_, 100>"
    )]
    pub code: String,
    /// When the gateway's answer was booked.
    #[serde(with = "kernel::time::micros")]
    pub declined_at: Timestamp,
}

/// The order's total was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCaptured {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// What was taken: the order's total.
    pub amount: Money,
    /// The gateway's own name for this operation, 1 to 200 characters.
    #[serde(
        serialize_with = "crate::wire::write_text::<_, 200>",
        deserialize_with = "crate::wire::read_text::<_, 200>"
    )]
    pub gateway_reference: String,
    /// When the gateway's answer was booked.
    #[serde(with = "kernel::time::micros")]
    pub captured_at: Timestamp,
}

/// The gateway refuses for good to take what it holds; it will be voided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCaptureFailed {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// What was asked for: the order's total.
    pub amount: Money,
    /// The gateway's own name for this operation, 1 to 200 characters; `None` when it gave none.
    #[serde(
        serialize_with = "crate::wire::write_optional_text::<_, 200>",
        deserialize_with = "crate::wire::read_optional_text::<_, 200>"
    )]
    pub gateway_reference: Option<String>,
    /// Why, in one word of the gateway, 1 to 100 characters.
    #[serde(
        serialize_with = "crate::wire::write_text::<_, 100>",
        deserialize_with = "crate::wire::read_text::<_, 100>"
    )]
    pub code: String,
    /// When the gateway's answer was booked.
    #[serde(with = "kernel::time::micros")]
    pub failed_at: Timestamp,
}

/// Nothing is held any more for a cancelled order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentVoided {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// What was held; `None` when the order was not known here.
    pub amount: Option<Money>,
    /// The gateway's own name for this operation, 1 to 200 characters; `None` when it was not called.
    #[serde(
        serialize_with = "crate::wire::write_optional_text::<_, 200>",
        deserialize_with = "crate::wire::read_optional_text::<_, 200>"
    )]
    pub gateway_reference: Option<String>,
    /// When the gateway's answer was booked, or the cancellation when it was not called.
    #[serde(with = "kernel::time::micros")]
    pub voided_at: Timestamp,
}

/// What was taken for a cancelled order is given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRefunded {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// What was given back: the order's total.
    pub amount: Money,
    /// The gateway's own name for this operation, 1 to 200 characters.
    #[serde(
        serialize_with = "crate::wire::write_text::<_, 200>",
        deserialize_with = "crate::wire::read_text::<_, 200>"
    )]
    pub gateway_reference: String,
    /// When the gateway's answer was booked.
    #[serde(with = "kernel::time::micros")]
    pub refunded_at: Timestamp,
}
