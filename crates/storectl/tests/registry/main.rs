//! `storectl schemas list`, `diff`, `check` and `push` as a person or a script runs them, at a registry whose answers are made up.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod comparing;
mod fake;
