//! Kafka: records as they are on the wire, and the clients.

pub mod client;
pub mod wire;
