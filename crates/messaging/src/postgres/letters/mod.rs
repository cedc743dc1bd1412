//! [`crate::dead_letters`] in SQL.

mod ask;
mod look;
