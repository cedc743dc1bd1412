//! The rules of delivery that live in SQL: unsent rows, leases, positions, inbox, parking, claims.

pub mod dead_letter;
mod error;
pub mod inbox;
pub mod intent;
pub mod lease;
pub mod outbox;
pub mod position;

pub use error::StoreError;
