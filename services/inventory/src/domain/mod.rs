//! What the warehouse decides: what is for sale, what arrived, what is set aside, sold and put back.
//!
//! Every change is an event: `decide` makes it, `evolve` applies it. A rebuild folds the same events with the same
//! `evolve`, so nothing else changes a state.

mod decision;
mod product;
mod receipt;
mod reservation;
mod stock;
mod warehouse;

pub use decision::{Decision, Reason, Rejected};
pub use product::Product;
pub use receipt::{Receipt, ReceiptTaken};
pub use reservation::{Reservation, State, Status};
pub use stock::Stock;
pub use warehouse::{Input, Warehouse};

#[cfg(test)]
mod tests;
