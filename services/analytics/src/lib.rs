//! Analytics: what was sold, by product and hour, and what becomes of the orders that are placed. A listener: it reads `orders`
//! from the beginning, and nobody needs it.

pub mod app;
pub mod config;
pub mod consumer;
pub mod domain;
pub mod http;
pub mod store;

pub use app::LISTENER;
pub use config::Config;
pub use store::MIGRATOR;
