//! The rooms of billing on real Postgres: the store statement by statement, and the whole service from outside.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod crossing;
mod http;
mod settings;
mod store;
mod support;
