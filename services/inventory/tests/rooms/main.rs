//! The warehouse on a real Postgres, without Kafka: rows of the outbox are the evidence of what it would publish.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod api;
mod healthcheck;
mod lists;
mod locks;
mod reactions;
mod room;
mod told;
