//! Kafka: records as they are on the wire, and the clients.

pub mod client;
pub(crate) mod group_admin;
mod health;
pub mod wire;
