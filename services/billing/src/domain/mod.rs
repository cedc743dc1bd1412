//! What billing decides, and nothing else: no async, no I/O, no clock.
//!
//! The log of `orders` says what is asked for ([`decide`]), the gateway says what came of each call ([`book`]). Both are
//! answered with the events to publish and the next call to make; one call at a time an order.

mod call;
mod decide;
mod payment;

#[cfg(test)]
mod answer_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod samples;

pub use call::{Answer, BadOperation, Call, Code, Operation, Reference};
pub use decide::{CallChange, Decision, Input, Open, Reason, Rejected, book, decide};
pub use payment::{Asked, Payment, Standing, evolve};
