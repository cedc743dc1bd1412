//! What orders come to, counted. Decides and does nothing.
//!
//! What an order counts for follows from what is known of it, whatever came first: each fact is taken in once, and what changes
//! is the difference between what the order counted for before and what it counts for now. So a repeat changes nothing, and
//! no order of arrival comes to another sum.

mod fact;
mod facts;
mod figures;
mod hour;
mod loaded;

pub use fact::Fact;
pub use facts::Facts;
pub use figures::{Conversion, Fate, Figures, Overflow, Product, Sales};
pub use hour::Hour;
pub use loaded::Loaded;

#[cfg(test)]
mod tests;
