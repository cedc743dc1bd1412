//! What tests of several crates share: the real parts with topics and databases of one's own, faults between a program and
//! a part, waiting without sleeping, and (feature `store`) the whole store with the invariants of the business.

pub mod database;
pub mod parts;
pub mod proxy;
pub mod registry;
pub mod smtp;
pub mod topics;
pub mod wait;

pub use database::Database;
pub use parts::Parts;
pub use proxy::Proxy;
pub use registry::IllRegistry;
pub use topics::Topics;
pub use wait::until;
