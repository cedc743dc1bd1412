//! The log is the truth: the rows of a service, folded from the log beside it, to be compared with the live ones or to take
//! their place.
//!
//! A service says by a [`Projection`] how facts change rows, with the same `evolve` it decides with, and by a [`Shelf`] how rows
//! are loaded and saved. Neither has anything in its hands by which an event is published, a call made or a mail sent.
//! [`Fold`] carries them along the log, [`audit`] compares, [`rebuild`] swaps, and a [`checkpoint`] saves the way from the beginning.

pub mod audit;
pub mod checkpoint;
mod engine;
mod error;
mod projection;
pub mod rebuild;
mod store;

pub use engine::{Fold, Passed, Progress, Purpose};
pub use error::FoldError;
pub use projection::{Detail, Evolved, Number, Projection, Shelf, Table, Whose};
pub use store::Database;
