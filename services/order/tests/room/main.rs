//! The rooms of the order service on a real Postgres: each sentence of its API, and each statement of its store.
//! No Kafka: what would be published is in the outbox, what would be read is handed to the handler.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod samples;
mod support;

mod cancelling;
mod customers;
mod errors;
mod healthcheck;
mod history;
mod lists;
mod placing;
mod products;
mod replies;
mod sweeping;
mod waiting;
