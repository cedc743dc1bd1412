//! The rules of delivery that live in SQL: unsent rows, leases, positions, inbox, parking, claims.

pub mod action;
pub mod begun;
pub mod dead_letter;
mod error;
pub mod inbox;
pub mod intent;
pub mod lease;
mod letters;
pub mod outbox;
pub mod position;
pub mod replay;
mod session;
pub mod standing;

use std::time::Duration;

pub(crate) use error::ANSWER_WITHIN;
pub use error::StoreError;
pub use session::Session;

/// How long a loop rests after a transaction that took `took`: as long again. What comes meanwhile shares the next one, so
/// that the busier the machine, the fewer and larger are the transactions. What comes after a quiet moment does not wait.
pub fn rest(took: Duration) -> Duration {
    took.min(REST_MAX)
}

const REST_MAX: Duration = Duration::from_millis(50);
