//! What the system tests share: a whole store for one test, on the real parts, and what it must have come to.

pub mod canary;
pub mod compose;
mod database;
pub mod days;
mod load;
mod plant;
mod quiet;
mod race;
mod shop;
mod story;
pub mod suite;
pub mod telemetry;
pub mod torture;
mod truth;
mod visit;

pub use load::{Driven, Load, Then, wish};
pub use plant::{Planted, plant};
pub use race::race;
pub use shop::{SOON, Shop, open_plan};
pub use story::story;
pub use visit::Visit;
