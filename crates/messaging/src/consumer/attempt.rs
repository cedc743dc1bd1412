//! One try of a batch: position, inbox, decisions, outbox and parking in one transaction.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use kernel::EventId;
use sqlx::PgConnection;
use tracing::info_span;

use super::Shared;
use super::partition::Pending;
use crate::core::Verdict;
use crate::core::batch::{self, Content, Fate};
use crate::core::consumer::{Outcome, ParkedKind, Parking, Position};
use crate::kafka::wire::chain;
use crate::outbox::Cause;
use crate::postgres::dead_letter::{self, DeadLetter};
use crate::postgres::{inbox, position};
use crate::{Handler, Received, Repository, StoreError, metrics};

/// Records of one partition that are tried together.
pub(super) struct Batch<'a, H: Handler, R> {
    pub(super) shared: &'a Shared<H, R>,
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    /// Where this instance believes the position to be.
    pub(super) from: i64,
    /// Where it is afterwards.
    pub(super) end: i64,
    pub(super) attempts: u32,
    /// The first record is parked for this.
    pub(super) park: Option<Parking>,
    pub(super) records: Vec<&'a Pending<H::Event>>,
}

enum Failure {
    Store(StoreError),
    Moved,
    Refused(Parking),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is told when the commit is done.
struct Done<K> {
    keys: BTreeSet<K>,
    duplicates: usize,
    ignored: Vec<(&'static str, usize)>,
    parked: Vec<ParkedKind>,
    handled: usize,
}

/// A database that neither answers nor hangs up. Should the commit have come through, the next try finds the position moved.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Tries it.
pub(super) async fn run<H: Handler, R: Repository<H>>(batch: Batch<'_, H, R>) -> Outcome {
    let started = Instant::now();
    // A panic anywhere in the service's part of it is about one of the records, as a refusal is.
    let tried = AssertUnwindSafe(in_transaction(&batch)).catch_unwind();
    let Ok(tried) = tokio::time::timeout(ANSWER_WITHIN, tried).await else {
        let reason = format!("the database did not answer within {ANSWER_WITHIN:?}");
        return Outcome::Failed(Verdict::Outage, reason);
    };
    match tried.unwrap_or_else(|panic| Err(Failure::Refused(Parking::panicked(&*panic)))) {
        Ok(done) => {
            batch.shared.handler.committed(&done.keys);
            batch.shared.runtime.outbox.wake();
            batch.measure(&done, started);
            Outcome::Committed(batch.end)
        }
        Err(Failure::Moved) => Outcome::Moved,
        Err(Failure::Store(error)) => Outcome::Failed(error.verdict(), chain(&error)),
        Err(Failure::Refused(parking)) => Outcome::Refused(parking),
    }
}

async fn in_transaction<H: Handler, R: Repository<H>>(
    batch: &Batch<'_, H, R>,
) -> Result<Done<H::Key>, Failure> {
    let pool = &batch.shared.runtime.pool;
    let mut transaction = pool.begin().await.map_err(StoreError::doing("begin a batch"))?;
    let done = batch.steps(&mut transaction).await?;
    transaction.commit().await.map_err(StoreError::doing("commit a batch"))?;
    Ok(done)
}

impl<H: Handler, R: Repository<H>> Batch<'_, H, R> {
    async fn steps(&self, connection: &mut PgConnection) -> Result<Done<H::Key>, Failure> {
        let handler = &*self.shared.handler;
        if !position::advance(connection, self.topic, self.partition, self.from, &self.position()).await? {
            return Err(Failure::Moved);
        }
        let keys: Vec<&[u8]> = self.records.iter().filter_map(|one| one.raw.key.as_deref()).collect();
        let parked = dead_letter::parked_keys(connection, self.topic, &keys).await?;
        let records: Vec<_> = self.records.iter().map(|one| one.record.clone()).collect();
        let fates = batch::fates(&records, &parked, self.park.as_ref());

        let events: Vec<&Received<H::Event>> = self.handled(&fates).collect();
        let ids: Vec<_> = events.iter().map(|one| (one.metadata.id, one.metadata.time)).collect();
        let fresh = if ids.is_empty() { BTreeSet::new() } else { inbox::insert(connection, &ids).await? };
        let keys = batch::keys(handler, &events).map_err(Failure::Refused)?;
        let mut done =
            Done { keys, duplicates: 0, ignored: Vec::new(), parked: Vec::new(), handled: events.len() };
        if fresh.is_empty() {
            done.duplicates = events.len();
        } else {
            self.decide(connection, &events, fresh, &mut done).await?;
        }
        done.parked = self.park_those(connection, &fates).await?;
        Ok(done)
    }

    async fn decide(
        &self,
        connection: &mut PgConnection,
        events: &[&Received<H::Event>],
        fresh: BTreeSet<EventId>,
        done: &mut Done<H::Key>,
    ) -> Result<(), Failure> {
        let (runtime, handler) = (&self.shared.runtime, &*self.shared.handler);
        let mut loaded = self.shared.repository.load(connection, &done.keys).await?;
        let decisions = {
            let mut around =
                |received: &Received<H::Event>, decide: &mut dyn FnMut() -> _| self.in_span(received, decide);
            let now = runtime.clock.now();
            batch::decide(handler, &mut loaded, events, fresh, now, &*runtime.ids, &mut around)
        };
        let decisions = decisions.map_err(Failure::Refused)?;
        self.shared.repository.save(connection, loaded).await?;
        runtime.outbox.write_all(connection, decisions.decided).await?;
        done.duplicates = decisions.duplicates;
        done.ignored = decisions.ignored.into_iter().collect();
        Ok(())
    }

    fn position(&self) -> Position {
        let last = self.records.last();
        let time = last.and_then(|one| {
            if let Content::Event(received) = &one.record.content {
                Some(received.metadata.time)
            } else {
                None
            }
        });
        Position {
            next_offset: self.end,
            last_event_id: last.and_then(|one| one.raw.event_id()),
            last_event_time: time,
        }
    }

    fn handled<'a>(&'a self, fates: &'a [Fate]) -> impl Iterator<Item = &'a Received<H::Event>> {
        self.records.iter().zip(fates).filter_map(|(one, fate)| match (&one.record.content, fate) {
            (Content::Event(received), Fate::Handle(_)) => Some(&**received),
            _ => None,
        })
    }

    /// Runs a decision inside a span that continues the event's trace; what it publishes continues it further.
    fn in_span<T>(&self, received: &Received<H::Event>, decide: &mut dyn FnMut() -> T) -> (T, Cause) {
        let metadata = &received.metadata;
        let name = kernel::Event::name(&received.event);
        let span = info_span!(
            "messaging.consume",
            otel.name = format!("{}.consume.{}", self.shared.runtime.service, snake(name)),
            otel.kind = "consumer",
            messaging.system = "kafka",
            messaging.operation.type = "process",
            messaging.destination.name = self.topic,
            messaging.destination.partition.id = self.partition,
            messaging.message.id = %metadata.id,
            order_id = metadata.correlation,
        );
        metadata.trace.adopt(&span);
        let _entered = span.enter();
        let decided = decide();
        (decided, Cause::event(metadata))
    }

    async fn park_those(
        &self,
        connection: &mut PgConnection,
        fates: &[Fate],
    ) -> Result<Vec<ParkedKind>, StoreError> {
        let now = self.shared.runtime.clock.now();
        let mut parked = Vec::new();
        for (one, fate) in self.records.iter().zip(fates) {
            let Fate::Park(parking) = fate else { continue };
            let record = match &one.record.content {
                Content::Event(received) => Some(kernel::Event::name(&received.event)),
                Content::Unknown(name) => Some(name.as_str()),
                Content::Undecodable(_) => None,
            };
            let letter = DeadLetter {
                topic: self.topic,
                partition: self.partition,
                offset: one.raw.offset,
                key: one.raw.key.as_deref(),
                value: one.raw.value.as_deref(),
                headers: one.raw.headers_json(),
                event_id: one.raw.event_id(),
                record,
                parking,
                attempts: self.attempts,
            };
            dead_letter::insert(connection, letter, now).await?;
            parked.push(parking.kind);
        }
        Ok(parked)
    }

    fn measure(&self, done: &Done<H::Key>, started: Instant) {
        let service = self.shared.runtime.service;
        metrics::time(metrics::BATCH_SECONDS, service, started.elapsed());
        metrics::observe(
            metrics::BATCH,
            service,
            f64::from(u32::try_from(self.records.len()).unwrap_or(u32::MAX)),
        );
        metrics::count_by(metrics::HANDLED, service, "topic", self.topic, done.handled - done.duplicates);
        metrics::count(metrics::DUPLICATES, service, done.duplicates);
        for (reason, times) in &done.ignored {
            metrics::count_by(metrics::IGNORED, service, "reason", reason, *times);
        }
        for kind in &done.parked {
            metrics::count_by(metrics::PARKED, service, "kind", kind.as_str(), 1);
            tracing::warn!(
                service,
                topic = self.topic,
                partition = self.partition,
                kind = kind.as_str(),
                "a record is parked"
            );
        }
        let unknown =
            self.records.iter().filter(|one| matches!(one.record.content, Content::Unknown(_))).count();
        metrics::count(metrics::UNKNOWN, service, unknown);
    }
}

/// `counterflow.orders.OrderCreated` → `order_created`.
fn snake(name: &str) -> String {
    let short = name.rsplit('.').next().unwrap_or(name);
    let mut text = String::with_capacity(short.len() + 4);
    for (index, letter) in short.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
