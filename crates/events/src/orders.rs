//! Topic `orders`: what the order service decides. Keyed by order.

use std::fmt;

use kernel::text::{BadText, bounded};
use kernel::{CustomerId, LineQuantity, Money, OrderId, Sku, Timestamp};
use serde::{Deserialize, Serialize};

/// A customer has placed an order; it is pending until stock and payment have answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCreated {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// Who ordered; name and address are only on the topic `customers`.
    pub customer_id: CustomerId,
    /// What was ordered: 1 to 100 lines, each sku once.
    pub lines: Vec<Line>,
    /// Sum of all lines.
    pub total: Money,
    /// Single-use reference to the customer's means of payment.
    pub payment_token: PaymentToken,
    /// When the order was accepted.
    #[serde(with = "kernel::time::micros")]
    pub created_at: Timestamp,
    /// When a still undecided order is cancelled as `timed_out`.
    #[serde(with = "kernel::time::micros")]
    pub deadline_at: Timestamp,
    /// Where it came from. New in version 2.
    pub channel: Channel,
}

/// Stock is reserved and the payment authorised: the order will be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What was ordered, as in [`OrderCreated`].
    pub lines: Vec<Line>,
    /// Sum of all lines.
    pub total: Money,
    /// When the order was confirmed; the window for cancelling starts here.
    #[serde(with = "kernel::time::micros")]
    pub confirmed_at: Timestamp,
}

/// The order will not be delivered; stock and payment are undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What was ordered, as in [`OrderCreated`].
    pub lines: Vec<Line>,
    /// Sum of all lines.
    pub total: Money,
    /// Why.
    pub reason: CancelReason,
    /// When the order was cancelled.
    #[serde(with = "kernel::time::micros")]
    pub cancelled_at: Timestamp,
}

/// One sku of an order at the price it was ordered for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The product.
    pub sku: Sku,
    /// Pieces.
    #[serde(serialize_with = "crate::wire::write_pieces")]
    pub quantity: LineQuantity,
    /// Price of one piece when the order was created.
    pub unit_price: Money,
}

/// Why an order is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// A reason newer than this code.
    Unknown,
    /// At least one line could not be reserved.
    OutOfStock,
    /// The gateway refused to hold the total.
    PaymentDeclined,
    /// The gateway refused to take the total after the order was confirmed.
    CaptureFailed,
    /// Still undecided at its deadline.
    TimedOut,
    /// The customer asked for it.
    CustomerRequest,
}

/// Where an order comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Nobody said, or a channel newer than this code.
    #[default]
    Unknown,
    /// A page in a browser.
    Web,
    /// An app on a phone.
    App,
    /// Somebody who takes orders by telephone.
    Phone,
    /// A till.
    Shop,
}

/// Single-use reference to a means of payment: 1 to 200 printable characters. Never shown: `Debug` masks it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PaymentToken(String);

impl PaymentToken {
    /// The only way in.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        bounded(text, 200).map(|()| Self(text.to_owned()))
    }

    /// The secret itself: for the call to the gateway and the row that waits for it, never for a log or an answer.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PaymentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl TryFrom<String> for PaymentToken {
    type Error = BadText;
    fn try_from(text: String) -> Result<Self, BadText> {
        Self::parse(&text)
    }
}

impl From<PaymentToken> for String {
    fn from(token: PaymentToken) -> Self {
        token.0
    }
}
