//! What listens beside the store: it counts what the store sold, to the unit, whenever it is started and however often it is
//! killed; and the store does not notice.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod books;
mod killed;
mod replaying;
mod started;
mod support;
