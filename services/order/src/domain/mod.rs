//! What the order service decides, and nothing of how it hears or tells it.
//!
//! [`saga`] says what an order does next; [`Tracked::evolve`] is the only way an order changes, live and when it is folded
//! from the log; [`placing`] prices a basket; [`customer`] and [`product`] are what an order is placed with.

pub mod change;
pub mod customer;
mod evolve;
pub mod order;
pub mod placing;
pub mod product;
pub mod progress;
pub mod saga;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod saga_tests;

pub use change::{Change, Snapshot, Tracked};
pub use customer::{Customer, Person};
pub use evolve::{Fact, Folded, at};
pub use order::{Fate, Order, Status};
pub use placing::{Basket, BasketLine, Refusal};
pub use product::Product;
pub use progress::{Payment, Progress, Stock};
pub use saga::{Decision, PastWindow, Trigger};
