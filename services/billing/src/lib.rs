//! Billing: what is held, taken, let go and given back for each order, by way of the payment gateway.
//!
//! It reads `orders` and writes `payments`. An order's event becomes a decision ([`domain`]), a decision a call that is
//! stored ([`worker`]) and made outside of any transaction ([`gateway`]), its answer an event.

pub mod app;
pub mod config;
pub mod consumer;
pub mod domain;
pub mod gateway;
pub mod http;
pub mod projection;
pub mod store;
pub mod worker;

pub use app::{run, start};
pub use config::Config;
pub use store::MIGRATOR;
