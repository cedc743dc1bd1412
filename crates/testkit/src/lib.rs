//! What tests of several crates share: the real parts with topics and databases of one's own, faults between a program and
//! a part, and waiting without sleeping.

pub mod collector;
pub mod database;
pub mod leftovers;
pub mod parts;
pub mod proxy;
pub mod registry;
pub mod smtp;
pub mod topics;
pub mod wait;

pub use collector::Collector;
pub use database::Database;
pub use leftovers::Leftovers;
pub use parts::Parts;
pub use proxy::Proxy;
pub use registry::IllRegistry;
pub use topics::Topics;
pub use wait::until;
