//! Kafka: records as they are on the wire, and the clients.

pub mod client;
mod health;
pub mod wire;
