//! The way out: events and intents are written in the transaction that made them.

use std::sync::Arc;

use kernel::{Event, EventId, Timestamp};
use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::postgres::outbox::KnownSchemas;
use crate::postgres::{intent, outbox};
use crate::trace::{Spans, Step};
use crate::{Effects, Metadata, StoreError, TraceContext};

/// What made a decision happen.
#[derive(Clone, Debug, Default)]
pub struct Cause {
    /// The event, when it was one.
    pub event: Option<EventId>,
    /// Where the trace goes on.
    pub trace: TraceContext,
}

impl Cause {
    /// A request or a timer: no event, the trace of the current span.
    pub fn request() -> Self {
        Self { event: None, trace: TraceContext::current() }
    }

    /// An event that arrived, as its trace came with it.
    pub fn event(metadata: &Metadata) -> Self {
        Self { event: Some(metadata.id), trace: metadata.trace.clone() }
    }

    /// The same cause, from the span of one step on.
    #[must_use]
    pub fn within(self, step: &Step) -> Self {
        Self { trace: step.trace(), ..self }
    }
}

/// What one decision wants, with when and why.
#[derive(Debug)]
pub struct Decided<E> {
    /// What it wants.
    pub effects: Effects<E>,
    /// When it was made (`ce_time`).
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
}

/// What a transaction wrote that is to be carried out after its commit: to be handed to [`Outbox::wake`] then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "hand it to `Outbox::wake` after the commit; without, it waits for the next poll"]
pub struct Unsent {
    /// Events of topics that keep everything.
    pub events: bool,
    /// Events of compacted topics.
    pub compacted: bool,
    /// Calls to the outside.
    pub intents: bool,
}

/// Writes effects next to the state, and wakes the loops that carry them out.
#[derive(Clone, Debug)]
pub struct Outbox {
    spans: Spans,
    events: Arc<Notify>,
    compacted: Arc<Notify>,
    intents: Arc<Notify>,
    schemas: Arc<KnownSchemas>,
}

impl Outbox {
    /// The outbox of `service`: one per service and process.
    pub fn of(service: &'static str) -> Self {
        Self {
            spans: Spans::of(service),
            events: Arc::default(),
            compacted: Arc::default(),
            intents: Arc::default(),
            schemas: Arc::default(),
        }
    }

    /// Writes the effects of one decision. The aggregates' rows must be locked by this transaction: their order is the order of ids.
    pub async fn write<E: Event>(
        &self,
        connection: &mut PgConnection,
        effects: Effects<E>,
        cause: Cause,
        at: Timestamp,
    ) -> Result<Unsent, StoreError> {
        self.write_all(connection, vec![Decided { effects, at, cause }]).await
    }

    /// Writes the effects of a batch, in order.
    pub async fn write_all<E: Event>(
        &self,
        connection: &mut PgConnection,
        decided: Vec<Decided<E>>,
    ) -> Result<Unsent, StoreError> {
        self.append(connection, &decided).await?;
        intent::change(connection, &decided).await?;
        let topics = || decided.iter().flat_map(|one| &one.effects.events).map(|one| one.event.topic());
        Ok(Unsent {
            events: topics().any(|topic| !E::is_compacted(topic)),
            compacted: topics().any(E::is_compacted),
            intents: decided.iter().any(|one| !one.effects.intents.is_empty()),
        })
    }

    async fn append<E: Event>(
        &self,
        connection: &mut PgConnection,
        decided: &[Decided<E>],
    ) -> Result<(), StoreError> {
        let events =
            || decided.iter().flat_map(|one| one.effects.events.iter().map(move |event| (&one.cause, event)));
        let rows = events().count();
        let steps: Vec<Step> =
            events().map(|(cause, event)| self.spans.appending(cause, event, rows)).collect();
        let appended =
            outbox::insert(connection, decided, steps.iter().map(Step::trace), &self.schemas).await;
        if appended.is_err() {
            for step in &steps {
                step.failed("database");
            }
        }
        appended
    }

    /// Tells relay and intent worker that there may be something. Cheap; after the commit.
    pub fn wake(&self, unsent: Unsent) {
        let Unsent { events, compacted, intents } = unsent;
        for (any, notify) in [(events, &self.events), (compacted, &self.compacted), (intents, &self.intents)]
        {
            if any {
                notify.notify_one();
            }
        }
    }

    pub(crate) async fn events_woken(&self) {
        self.events.notified().await;
    }

    pub(crate) async fn compacted_woken(&self) {
        self.compacted.notified().await;
    }

    pub(crate) async fn intents_woken(&self) {
        self.intents.notified().await;
    }
}
