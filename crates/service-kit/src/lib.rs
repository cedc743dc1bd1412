//! What every program of the store has in common around its own work: configuration, telemetry, health, HTTP with
//! `application/problem+json`, the database pool with its migrations, and an orderly life from start to stop.
//!
//! Knows no business and no Kafka. A program is composed in its `app.rs`:
//! [`Lifecycle`] → [`Database::open`] → loops by [`Lifecycle::spawn`] → [`App`] → [`Running`].

pub mod config;
pub mod database;
mod docs;
pub mod duration;
pub mod extract;
pub mod health;
pub mod healthcheck;
pub mod lifecycle;
pub mod list;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod program;
pub mod server;
pub mod telemetry;
pub mod trace;
pub mod traces;

#[cfg(test)]
mod tests;

pub use database::Database;
pub use extract::{Fields, IdempotencyKey, Json, Path, Query};
pub use health::{Health, Importance, Reporter};
pub use lifecycle::Lifecycle;
pub use list::{List, ListQuery, Page};
pub use openapi::Api;
pub use problem::{FieldError, Problem};
pub use server::{App, Running};
