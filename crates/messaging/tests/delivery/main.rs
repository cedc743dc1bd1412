//! Delivery on real Kafka, a real registry and real Postgres: each event once in effect, in order per key, whatever fails.

mod compacted;
mod crossing;
mod relay;
mod world;
