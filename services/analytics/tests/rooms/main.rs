//! Analytics on a real Postgres, without Kafka: events as messaging hands them over, answers as callers get them.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod http;
mod room;
mod store;
