//! Delivery on real Kafka, a real registry and real Postgres: each event once in effect, in order per key, whatever fails.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod compacted;
mod crossing;
mod relay;
mod world;
