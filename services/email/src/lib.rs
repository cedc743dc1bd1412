//! The email service: a receipt for each confirmed order, a notice for each cancelled one, to whoever the customer is by then.

pub mod app;
pub mod config;
pub mod consumer;
pub mod domain;
pub mod http;
pub mod mailer;
pub mod perform;
pub mod projection;
pub mod store;

pub use app::{run, start};
pub use config::Config;
pub use store::MIGRATOR;
