//! Effectively-once delivery between services: outbox and relay on the way out, consumer, inbox and position on the way in,
//! intents for calls to the outside. The only crate that knows Kafka and the registry; it knows nothing of orders.
//!
//! A service writes a [`Handler`] (pure: names keys, decides) and a [`Repository`] (loads and saves many aggregates at
//! once), and spawns [`relay::run`], [`consumer::run`] and, when it calls the outside, [`intents::run`].
//!
//! `core` holds every decision as state machines without I/O; the loops around it only carry out what it says.

pub mod admin;
pub mod bulk;
pub mod consumer;
pub mod core;
pub mod dead_letters;
mod effects;
mod fail_point;
mod gauges;
mod handler;
pub mod intents;
mod kafka;
pub mod listener;
pub mod log;
pub mod lost;
pub mod memory;
pub mod metrics;
pub mod migrations;
mod outbox;
mod postgres;
mod predecessor;
pub mod progress;
mod registry;
pub mod relay;
pub mod replay;
mod runtime;
mod settings;
mod status;
mod trace;

pub use effects::{Effects, IntentChange, NewIntent, Outgoing};
pub use fail_point::{FailPoint, clock};
pub use handler::{Handler, Intent, Metadata, Perform, Reads, Received, Refused, Repository, Retry, Worker};
pub use intents::{OpenIntent, lock_open};
pub use outbox::{Cause, Decided, Outbox, Unsent};
pub use postgres::{StoreError, standing};
pub use relay::watch;
pub use runtime::Runtime;
pub use settings::{Settings, TraceMode};
pub use status::{Part, Silent, Status};
pub use trace::{Step, TraceContext};
