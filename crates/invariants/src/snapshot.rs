//! What a store shows of itself, as its APIs spell it.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Currency, Money, OrderId, Sku};
use serde::Deserialize;

/// A whole store at one moment. Only of a store where nothing is under way is it one moment: it is read piece by piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Pieces the warehouse was given, by sku; of a sku that is not here nobody knows.
    pub received: BTreeMap<Sku, i64>,
    /// By the order service.
    pub orders: Vec<Order>,
    /// By inventory.
    pub stock: Vec<Level>,
    /// By email.
    pub mails: Vec<Mail>,
    /// By the payment gateway.
    pub ledger: Vec<Effect>,
    /// What takes a call an order; `None` when it was not asked for.
    pub details: Option<Details>,
    /// What orders under way name, which are not in here: sums of these say nothing.
    pub busy: BTreeSet<Sku>,
}

/// What each order is to those who take part in it; one they do not know is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// By inventory.
    pub reservations: BTreeMap<OrderId, Reservation>,
    /// By billing.
    pub payments: BTreeMap<OrderId, Payment>,
    /// What each settled order was after each of its changes, by the order service.
    pub histories: BTreeMap<OrderId, Vec<Status>>,
}

/// What was decided about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing yet.
    Pending,
    /// To be delivered.
    Confirmed,
    /// Not to be delivered.
    Cancelled,
}

/// Why an order was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A line was short.
    OutOfStock,
    /// The bank said no.
    PaymentDeclined,
    /// The money could not be taken after all.
    CaptureFailed,
    /// Nobody decided in time.
    TimedOut,
    /// The customer changed their mind.
    CustomerRequest,
}

/// What became of an order's stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockStatus {
    /// Nothing yet.
    Pending,
    /// Set aside.
    Reserved,
    /// Not to be had.
    Rejected,
    /// Sold.
    Committed,
    /// Not held any more.
    Released,
}

/// What became of an order's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Nothing yet.
    Pending,
    /// Held.
    Authorized,
    /// Refused.
    Declined,
    /// Taken.
    Captured,
    /// Held, and cannot be taken.
    CaptureFailed,
    /// Not held any more.
    Voided,
    /// Given back.
    Refunded,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Order {
    /// Its id.
    pub order_id: OrderId,
    /// What was decided.
    pub status: Status,
    /// Why it was cancelled.
    pub reason: Option<Reason>,
    /// What was ordered.
    pub lines: Vec<Line>,
    /// What it costs.
    pub total: Money,
    /// What stock and payment have answered.
    pub progress: Progress,
    /// Whether it says that all is done.
    pub settled: bool,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// Of what.
    pub sku: Sku,
    /// Pieces.
    pub quantity: u32,
    /// Of one piece.
    pub unit_price: Money,
}

/// What stock and payment have answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Progress {
    /// Inventory.
    pub stock: StockStatus,
    /// Billing.
    pub payment: PaymentStatus,
}

/// How much of a product there is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Level {
    /// Of what.
    pub sku: Sku,
    /// Pieces in the warehouse.
    pub on_hand: i64,
    /// Those of them that are set aside.
    pub reserved: i64,
}

/// What is, or last was, held for an order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reservation {
    /// What became of it.
    pub status: StockStatus,
    /// Of what and how much.
    pub lines: Vec<Pieces>,
}

/// Pieces of one sku.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Pieces {
    /// Of what.
    pub sku: Sku,
    /// How many.
    pub quantity: u32,
}

/// The payment of an order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Payment {
    /// Where the money is.
    pub status: PaymentStatus,
    /// How much; nothing where billing never heard of it.
    pub amount: Option<Money>,
}

/// A mail about an order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Mail {
    /// The order.
    pub order_id: OrderId,
    /// What it says.
    pub kind: MailKind,
    /// What became of it.
    pub status: MailStatus,
    /// Of a sent one.
    pub message_id: Option<String>,
}

/// What a mail says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// The order is confirmed.
    Receipt,
    /// The order is cancelled.
    Cancellation,
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailStatus {
    /// Nothing yet.
    Pending,
    /// The mail server took it.
    Sent,
    /// It will never be sent.
    Failed,
}

/// Money that moved, by the bank's own books.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Effect {
    /// For which order.
    pub order_id: OrderId,
    /// How it moved.
    pub kind: EffectKind,
    /// Minor units.
    pub amount_minor: i64,
    /// Of these.
    pub currency: Currency,
    /// The caller's name for the call.
    pub idempotency_key: String,
}

/// How money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Held.
    Authorize,
    /// Taken.
    Capture,
    /// Let go.
    Void,
    /// Given back.
    Refund,
}
