//! The decisions of delivery, without I/O: `step(Input) -> Actions`. The async loops are one executor of this code,
//! a simulation can be another.

pub mod backoff;
pub mod batch;
mod chain;
pub mod consumer;
pub mod intents;
pub mod lease;
pub mod panic;
pub mod record;
pub mod redrive;
pub mod relay;
#[cfg(test)]
mod relay_tests;
pub mod shard;
pub mod transaction;
pub mod writer;

pub use backoff::Backoff;
pub use chain::chain;
pub use shard::{COMPACTED_SHARD, SHARDS, shard_of};

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something is away: wait and try again, for ever. Nothing is skipped.
    Outage,
    /// Trying again is unlikely to help; after the limit of tries the record is parked.
    Fault,
}
