//! Traces of events: the W3C trace context that travels with each of them, and the spans of its way from the outbox of one
//! service to the decision of another.

mod context;
mod spans;

pub(crate) use self::spans::Spans;
pub use self::spans::Step;
pub use context::TraceContext;
