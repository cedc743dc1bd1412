//! A listener: a program that reads the log, keeps what it makes of it in a database of its own, and answers from there. It
//! publishes nothing and calls nobody, so whether it runs is nobody else's affair. `docs/new-listener.md` builds one.
//!
//! Two ways to be one: [`messaging::listener::Listener`] with tables of one's own, as `services/analytics` has them; or [`Fold`], a state
//! for each key of one topic, kept by this crate ([`find`]).

mod app;
mod args;
mod dependencies;
mod fold;
mod reads;
mod store;
pub mod testing;

pub use app::{Listener, Rooms, Starting, fold, main, start};
pub use args::Args;
pub use fold::{Fold, Folding, Kept};
pub use reads::reads;
pub use store::{Folded, find, problem};
