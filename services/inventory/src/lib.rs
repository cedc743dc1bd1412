//! The warehouse: what is for sale, what is in stock, what is set aside for whom.

pub mod app;
pub mod config;
pub mod consumer;
pub mod domain;
pub mod http;
pub mod projection;
pub mod store;

/// The service's own tables, beside those of messaging.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/inventory");
