//! What the system tests share: a whole store for one test, on the real parts, and what it must have come to.

mod database;
mod load;
mod quiet;
mod race;
mod shop;
mod story;
pub mod suite;
mod visit;

pub use load::{Driven, Load};
pub use race::race;
pub use shop::{SOON, Shop, open_plan};
pub use story::story;
pub use visit::Visit;
