//! What a service gives to messaging.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use kernel::{Event, EventId, Ids, Timestamp};
use sqlx::PgConnection;

use crate::listener::Replayable;
use crate::{Effects, StoreError, TraceContext, metrics};

/// What travels beside an event (CloudEvents attributes in Kafka headers).
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// `ce_id`.
    pub id: EventId,
    /// `ce_time`: when it was decided.
    pub time: Timestamp,
    /// `ce_sequence`; 0 when the record carried none.
    pub sequence: i64,
    /// `ce_correlationid`: the order it is about.
    pub correlation: String,
    /// `ce_causationid`: the event that caused it.
    pub causation: Option<EventId>,
    /// `traceparent`, `tracestate`.
    pub trace: TraceContext,
}

/// An event as it arrived.
#[derive(Clone, Debug)]
pub struct Received<E> {
    /// What happened.
    pub event: E,
    /// Which, when, why.
    pub metadata: Metadata,
}

impl<E: Event> Received<E> {
    /// An event of its key that should have come before never came: what came is right all the same, and somebody should know.
    pub fn report_gap(&self, service: &'static str) {
        let (topic, sequence) = (self.event.topic(), self.metadata.sequence);
        tracing::warn!(
            service,
            topic,
            key = self.event.key(),
            sequence,
            "events before this one are missing"
        );
        metrics::count_by(metrics::SEQUENCE_GAPS, service, "topic", topic, 1);
    }
}

/// A rule refuses the event for good: it is parked, and what follows of its key behind it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// How a service reacts to events. Pure: it runs in the service, in the simulation and in tests alike.
pub trait Handler: Send + Sync + 'static {
    /// The catalogue.
    type Event: Event;
    /// Names an aggregate; the order of keys is the order of locks.
    type Key: Ord + Clone + Debug + Send + Sync + 'static;
    /// The aggregates of a batch, by key.
    type Loaded: Send + 'static;

    /// Topics it reads, without prefix.
    fn topics(&self) -> &'static [&'static str];

    /// Adds the aggregates `event` touches. An event that touches none is none of the service's business: that is how the
    /// catalogue in `docs/events` knows who reads what.
    fn keys(&self, event: &Self::Event, keys: &mut BTreeSet<Self::Key>);

    /// Changes `loaded` in memory and says what else must happen. On `Err`, `loaded` is thrown away.
    fn decide(
        &self,
        loaded: &mut Self::Loaded,
        received: &Received<Self::Event>,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Result<Effects<Self::Event>, Refused>;

    /// Called after the commit of a batch that touched `keys`: wakes those who wait for a change.
    fn committed(&self, keys: &BTreeSet<Self::Key>) {
        let _ = keys;
    }

    /// What it takes to have it hear things again. Only a [`Listening`](crate::listener::Listening) can say so: whoever
    /// publishes or calls would do that again.
    fn replayable(&self) -> Option<Replayable> {
        None
    }
}

/// What a handler reads: not a list, but its own answer when it is shown one event of every kind.
#[derive(Clone, Debug)]
pub struct Reads {
    /// The topics it subscribes to, without prefix.
    pub topics: &'static [&'static str],
    /// Full names of the events it does something about.
    pub events: BTreeSet<&'static str>,
}

impl Reads {
    /// The handler's own subscription, and its own match: it does something about an event when that touches an aggregate of its.
    pub fn of<H: Handler>(handler: &H, samples: &[H::Event]) -> Self {
        let topics = handler.topics();
        let concerned = |event: &&H::Event| {
            let mut keys = BTreeSet::new();
            handler.keys(event, &mut keys);
            topics.contains(&event.topic()) && !keys.is_empty()
        };
        Self { topics, events: samples.iter().filter(concerned).map(Event::name).collect() }
    }
}

/// Loads and saves the aggregates of a handler, many at once, in Postgres.
pub trait Repository<H: Handler>: Send + Sync + 'static {
    /// Loads and locks the aggregates in the order of their keys; one that is not there yet is part of `Loaded` too.
    fn load(
        &self,
        connection: &mut PgConnection,
        keys: &BTreeSet<H::Key>,
    ) -> impl Future<Output = Result<H::Loaded, StoreError>> + Send;

    /// Writes what changed.
    fn save(
        &self,
        connection: &mut PgConnection,
        loaded: H::Loaded,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A call to the outside that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Row id.
    pub id: i64,
    /// What it is about.
    pub key: String,
    /// What to do.
    pub kind: String,
    /// What else the call needs.
    pub payload: serde_json::Value,
    /// The event that caused it.
    pub causation: Option<EventId>,
    /// Where its trace goes on.
    pub trace: TraceContext,
    /// Tries so far, this one included.
    pub attempts: i32,
}

/// The call could not be made, or nobody knows what came of it: again later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// For the log and `degraded`; no personal data.
    pub reason: String,
    /// Instead of the usual backoff.
    pub after: Option<Duration>,
    /// True when the other side is away or ill (reported as degraded), false when it only is not the time yet.
    pub outage: bool,
}

/// A handler that also acts on the outside.
pub trait Worker: Handler {
    /// What a call may come to.
    type Outcome: Send + 'static;

    /// Adds the aggregates the result of `intent` touches.
    fn intent_keys(&self, intent: &Intent, keys: &mut BTreeSet<Self::Key>);

    /// Takes the result in. The intent ends in the same transaction, and only an intent that is still ours gets here.
    fn conclude(
        &self,
        loaded: &mut Self::Loaded,
        intent: &Intent,
        outcome: Self::Outcome,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Effects<Self::Event>;
}

/// Makes the call, outside of any transaction.
pub trait Perform<W: Worker>: Send + Sync + 'static {
    /// One try.
    fn perform(&self, intent: &Intent) -> impl Future<Output = Result<W::Outcome, Retry>> + Send;
}
