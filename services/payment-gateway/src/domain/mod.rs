//! The gateway's rules: what each token does, and what may happen to an order's money. Decides and does nothing.

mod account;
mod operation;
mod token;

pub use account::{Account, Held, Impossible, decide, evolve};
pub use operation::{Code, Kind, Operation, Outcome};
pub use token::{Quirk, Token};
