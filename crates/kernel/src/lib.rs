//! The words every part of the store shares: identifiers, money, quantities, time, and what an event is.
//!
//! No I/O, no async, no configuration. Each type has one way in (`parse`), so that whoever holds one may trust it.

pub mod clock;
pub mod event;
pub mod ids;
pub mod money;
pub mod quantity;
pub mod sequence;
pub mod text;
pub mod time;

pub use clock::{Clock, Ids};
pub use event::{Body, DecodeError, EncodeError, Event};
pub use ids::{CustomerId, EventId, OrderId, ReceiptId, Sku};
pub use money::{Currency, Money, MoneyError};
pub use quantity::{LineQuantity, StockQuantity};
pub use sequence::{Seen, Sequence};
pub use time::Timestamp;
