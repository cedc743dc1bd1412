//! The way out: events and intents are written in the transaction that made them.

use std::sync::Arc;

use kernel::{Event, EventId, Timestamp};
use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::postgres::outbox::KnownSchemas;
use crate::postgres::{intent, outbox};
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

    /// An event that arrived, handled in the current span.
    pub fn event(metadata: &Metadata) -> Self {
        Self { event: Some(metadata.id), trace: TraceContext::current() }
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

/// Writes effects next to the state, and wakes the loops that carry them out.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    relay: Arc<Notify>,
    intents: Arc<Notify>,
    schemas: Arc<KnownSchemas>,
}

impl Outbox {
    /// An outbox of its own: one per service and process.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the effects of one decision. The aggregates' rows must be locked by this transaction: their order is the order of ids.
    /// Call [`Outbox::wake`] after the commit.
    pub async fn write<E: Event>(
        &self,
        connection: &mut PgConnection,
        effects: Effects<E>,
        cause: Cause,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write_all(connection, vec![Decided { effects, at, cause }]).await
    }

    /// Writes the effects of a batch, in order.
    pub async fn write_all<E: Event>(
        &self,
        connection: &mut PgConnection,
        decided: Vec<Decided<E>>,
    ) -> Result<(), StoreError> {
        outbox::insert(connection, &decided, &self.schemas).await?;
        intent::change(connection, &decided).await
    }

    /// Tells relay and intent worker that there may be something. Cheap; after the commit.
    pub fn wake(&self) {
        self.relay.notify_one();
        self.intents.notify_one();
    }

    pub(crate) async fn relay_woken(&self) {
        self.relay.notified().await;
    }

    pub(crate) async fn intents_woken(&self) {
        self.intents.notified().await;
    }
}
