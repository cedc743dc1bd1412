//! The order service: takes orders, follows the replies of stock and payment, and decides each order's fate.
//!
//! `http` (a file a verb) and `consumer` bring something to decide, `domain` decides, `store` keeps it, `effects` publishes
//! it in the same transaction. `sweeper` brings the deadline, `watchers` wakes those who wait for a change.

pub mod app;
pub mod config;
pub mod consumer;
pub mod domain;
pub mod effects;
pub mod http;
mod metrics;
pub mod projection;
pub mod signals;
pub mod store;
pub mod sweeper;
pub mod watchers;

/// The service's own tables; those of messaging come first.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/order");
