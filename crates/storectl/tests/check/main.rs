//! `storectl check` as a person or a script runs it, at a store whose answers are made up.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod away;
mod fake;
mod judging;
