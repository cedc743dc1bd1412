//! What the system tests share: a whole store for one test, on the real parts, and what it must have come to.

mod database;
mod load;
mod quiet;
mod shop;
mod story;
pub mod telemetry;

pub use load::{Driven, Load};
pub use shop::{SOON, Shop, open_plan};
pub use story::story;
