//! Topic `inventory`: what the warehouse decides. Keyed by order, deliveries by sku.

use kernel::{LineQuantity, OrderId, ReceiptId, Sku, StockQuantity, Timestamp};
use serde::{Deserialize, Serialize};

/// A delivery has arrived at the warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReceived {
    /// The delivery, given by the caller: a repeat is the same delivery.
    pub receipt_id: ReceiptId,
    /// The product; also the record's key.
    pub sku: Sku,
    /// Pieces that arrived.
    pub quantity: StockQuantity,
    /// When the delivery was booked.
    #[serde(with = "kernel::time::micros")]
    pub received_at: Timestamp,
}

/// Every line of the order is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReserved {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// What is set aside: every line of the order.
    pub lines: Vec<StockLine>,
    /// When it was set aside.
    #[serde(with = "kernel::time::micros")]
    pub reserved_at: Timestamp,
}

/// At least one line of the order is not in stock; nothing is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRejected {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// Every line that could not be served.
    pub shortages: Vec<Shortage>,
    /// When the stock was looked up.
    #[serde(with = "kernel::time::micros")]
    pub rejected_at: Timestamp,
}

/// What was set aside for the order is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockCommitted {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// What is sold: every line of the order.
    pub lines: Vec<StockLine>,
    /// When the reservation became a sale.
    #[serde(with = "kernel::time::micros")]
    pub committed_at: Timestamp,
}

/// What was set aside or sold for a cancelled order is free again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReleased {
    /// The order; also the record's key.
    pub order_id: OrderId,
    /// What is free again; empty when nothing was set aside.
    pub lines: Vec<StockLine>,
    /// What the stock was before it was released.
    pub from: ReleasedFrom,
    /// When it was released.
    #[serde(with = "kernel::time::micros")]
    pub released_at: Timestamp,
}

/// Pieces of one sku.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLine {
    /// The product.
    pub sku: Sku,
    /// Pieces.
    #[serde(serialize_with = "crate::wire::write_pieces")]
    pub quantity: LineQuantity,
}

/// One sku of which there was not enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// The product.
    pub sku: Sku,
    /// Pieces the order asks for.
    #[serde(serialize_with = "crate::wire::write_pieces")]
    pub requested: LineQuantity,
    /// Pieces that were free at that moment.
    pub available: i64,
}

/// What stock was before it was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleasedFrom {
    /// A state newer than this code.
    Unknown,
    /// Set aside for a pending order.
    Reserved,
    /// Sold with a confirmed order.
    Sold,
    /// The order was cancelled before anything was set aside.
    Nothing,
}
