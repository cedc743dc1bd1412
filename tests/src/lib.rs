//! What the system tests share: a whole store for one test, on the real parts.

mod shop;

pub use shop::{Shop, open_plan};
