//! The real parts of the store without Docker: Kafka, the schema registry and Postgres as ordinary processes.
//!
//! A program that holds a [`Stack`] owns the three: they end with it, also when it is killed with `SIGKILL`.
//! Tests that only need *some* Kafka, registry and Postgres take [`shared_for_tests`].
#![expect(clippy::similar_names, reason = "a part has a port, and both are the right words")]

mod artefacts;
mod children;
mod database;
mod error;
mod host;
mod java;
mod lock;
mod network;
mod options;
mod parts;
mod prometheus;
mod setup;
mod shared;
mod stack;
mod state;

pub use database::create_service_database;
pub use error::StackError;
pub use host::cache_dir;
pub use lock::{Holder, Lock};
pub use options::{Endpoints, Options, Part, Ports, Progress};
pub use prometheus::{Prometheus, REMEDY as PROMETHEUS_REMEDY};
pub use setup::{Missing, setup};
pub use shared::{Shared, shared_for_tests};
pub use stack::Stack;
pub use state::{State, reset};
