//! Tools of the store: its schemas and its topics. What the binary does is here, so that `stack` and tests do the same.

pub mod cli;
pub mod schemas;
pub mod topics;
