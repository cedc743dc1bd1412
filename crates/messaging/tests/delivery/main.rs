//! Delivery on real Kafka, a real registry and real Postgres: each event once in effect, in order per key, whatever fails.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod compacted;
mod consumer;
mod crossing;
mod erased;
mod intents;
mod relay;
mod succession;
mod world;
