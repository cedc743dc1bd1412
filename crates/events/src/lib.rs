//! Every event of the store: typed, with its topic, its key and its Avro schema. No I/O.
//!
//! A new event is one schema under `schemas/`, one struct in the file of its topic and one line in [`catalogue`].

mod codec;
pub mod customers;
pub mod emails;
pub mod inventory;
pub mod orders;
pub mod payments;
pub mod products;
mod wire;

pub mod catalogue;

pub use catalogue::{CATALOGUE, ERASED, Event, Record, TOPICS, Topic, topics};
pub use codec::Payload;
pub use customers::{CustomerErased, CustomerRegistered};
pub use emails::{EmailFailed, EmailFailure, EmailKind, EmailSent};
pub use inventory::{
    ReleasedFrom, Shortage, StockCommitted, StockLine, StockReceived, StockRejected, StockReleased,
    StockReserved,
};
pub use orders::{CancelReason, Channel, Line, OrderCancelled, OrderConfirmed, OrderCreated, PaymentToken};
pub use payments::{
    PaymentAuthorized, PaymentCaptureFailed, PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentVoided,
};
pub use products::ProductListed;
