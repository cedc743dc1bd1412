//! Two versions of a schema at the same time, and a new event beside an old one: what `docs/schemas.md` promises of a store that
//! stays open while its schemas change.
//!
//! The programs here are all of this build; a writer of the first release is a trigger below the outbox, which leaves the rows
//! such a writer would have left. `make compat` does it with the programs of the previous release themselves, which also read.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod mixed;
mod upcasting;
