//! One try of a batch: position, inbox, decisions, outbox and parking in one transaction.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use kernel::EventId;
use sqlx::PgConnection;

use super::Shared;
use super::committer::Share;
use super::partition::Pending;
use crate::core::Verdict;
use crate::core::batch::{self, Content, Decisions, Fate};
use crate::core::chain;
use crate::core::consumer::{Outcome, ParkedKind, Parking, Position};
use crate::outbox::{Cause, Unsent};
use crate::postgres::dead_letter::{self, DeadLetter};
use crate::postgres::inbox;
use crate::postgres::position::{self, Move};
use crate::{FailPoint, Handler, Received, Repository, StoreError, metrics};

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
struct Done<H: Handler> {
    keys: BTreeSet<H::Key>,
    decisions: Option<Decisions<H::Event>>,
    duplicates: usize,
    /// Share and record, by their numbers, and why.
    parked: Vec<(usize, usize, ParkedKind)>,
    unsent: Unsent,
}

/// A database that neither answers nor hangs up. Should the commit have come through, the next try finds the position moved.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Tries it.
pub(super) async fn run<H: Handler, R: Repository<H>>(
    consumer: &Shared<H, R>,
    shares: &[Share<H::Event>],
) -> Outcome {
    let batch = Batch { consumer, shares };
    let started = Instant::now();
    // A panic anywhere in the service's part of it is about one of the records, as a refusal is.
    let tried = AssertUnwindSafe(batch.in_transaction()).catch_unwind();
    let Ok(tried) = tokio::time::timeout(ANSWER_WITHIN, tried).await else {
        let reason = format!("the database did not answer within {ANSWER_WITHIN:?}");
        return Outcome::Failed(Verdict::Outage, reason);
    };
    match tried.unwrap_or_else(|panic| Err(Failure::Refused(Parking::panicked(&*panic)))) {
        Ok(done) => {
            consumer.handler.committed(&done.keys);
            consumer.runtime.outbox.wake(done.unsent);
            batch.measure(&done, started);
            Outcome::Committed
        }
        Err(Failure::Moved) => Outcome::Moved,
        Err(Failure::Store(error)) => Outcome::Failed(error.verdict(), chain(&error)),
        Err(Failure::Refused(parking)) => Outcome::Refused(parking),
    }
}

/// Records that are tried together.
struct Batch<'a, H: Handler, R> {
    consumer: &'a Shared<H, R>,
    shares: &'a [Share<H::Event>],
}

impl<H: Handler, R: Repository<H>> Batch<'_, H, R> {
    async fn in_transaction(&self) -> Result<Done<H>, Failure> {
        let pool = &self.consumer.runtime.pool;
        let mut transaction = pool.begin().await.map_err(StoreError::doing("begin a batch"))?;
        let done = self.steps(&mut transaction).await?;
        FailPoint::BatchCommitting.reach();
        transaction.commit().await.map_err(StoreError::doing("commit a batch"))?;
        FailPoint::BatchCommitted.reach();
        Ok(done)
    }

    async fn steps(&self, connection: &mut PgConnection) -> Result<Done<H>, Failure> {
        let moves: Vec<Move<'_>> = self.shares.iter().map(moved).collect();
        if !position::advance(connection, &moves).await? {
            return Err(Failure::Moved);
        }
        FailPoint::PositionMoved.reach();
        let fates = self.fates(connection).await?;
        let handled = self.handled(&fates);
        let mut done = Done {
            keys: BTreeSet::new(),
            decisions: None,
            duplicates: 0,
            parked: Vec::new(),
            unsent: Unsent::default(),
        };
        if !handled.is_empty() {
            self.handle(connection, &handled, &mut done).await?;
        }
        done.parked = self.park_those(connection, &fates).await?;
        Ok(done)
    }

    async fn handle(
        &self,
        connection: &mut PgConnection,
        handled: &[Handled<'_, H::Event>],
        done: &mut Done<H>,
    ) -> Result<(), Failure> {
        let events: Vec<&Received<H::Event>> = handled.iter().map(|(_, received)| *received).collect();
        let ids: Vec<_> = events.iter().map(|one| (one.metadata.id, one.metadata.time)).collect();
        let fresh = inbox::insert(connection, &ids).await?;
        let known = handled.iter().filter(|(_, received)| !fresh.contains(&received.metadata.id));
        known.for_each(|(one, _)| one.step.event("duplicate", &[]));
        done.keys = batch::keys(&*self.consumer.handler, &events).map_err(Failure::Refused)?;
        if fresh.is_empty() {
            done.duplicates = events.len();
            return Ok(());
        }
        let mut loaded = self.consumer.repository.load(connection, &done.keys).await?;
        let mut decisions = self.decide(&mut loaded, handled, &events, fresh).map_err(Failure::Refused)?;
        self.consumer.repository.save(connection, loaded).await?;
        let decided = std::mem::take(&mut decisions.decided);
        done.unsent = self.consumer.runtime.outbox.write_all(connection, decided).await?;
        done.duplicates = decisions.duplicates;
        done.decisions = Some(decisions);
        Ok(())
    }

    fn decide(
        &self,
        loaded: &mut H::Loaded,
        handled: &[Handled<'_, H::Event>],
        events: &[&Received<H::Event>],
        fresh: BTreeSet<EventId>,
    ) -> Result<Decisions<H::Event>, Parking> {
        let Shared { runtime, handler, .. } = self.consumer;
        let cause = |index: usize| {
            let (one, received) = handled[index];
            Cause::event(&received.metadata).within(&one.step)
        };
        let (began, now) = (Instant::now(), runtime.clock.now());
        let decided = batch::decide(&**handler, loaded, events, fresh, now, &*runtime.ids, cause);
        metrics::time(metrics::HANDLER_SECONDS, runtime.service, began.elapsed());
        decided
    }

    /// What is to become of each record of each share.
    async fn fates(&self, connection: &mut PgConnection) -> Result<Vec<Vec<Fate>>, StoreError> {
        let mut topics = Vec::new();
        let mut keys = Vec::new();
        for share in self.shares {
            for key in share.records.iter().filter_map(|one| one.raw.key.as_deref()) {
                topics.push(share.topic.as_str());
                keys.push(key);
            }
        }
        let parked = dead_letter::parked_keys(connection, &topics, &keys).await?;
        let fates = |share: &Share<H::Event>| {
            let parked = parked.get(&share.topic).cloned().unwrap_or_default();
            batch::fates(share.records.iter().map(|one| &one.record), parked, share.park.as_ref())
        };
        Ok(self.shares.iter().map(fates).collect())
    }

    fn handled<'a>(&'a self, fates: &[Vec<Fate>]) -> Vec<Handled<'a, H::Event>> {
        let each = self.shares.iter().zip(fates);
        each.flat_map(|(share, fates)| share.records.iter().zip(fates))
            .filter_map(|(one, fate)| match (&one.record.content, fate) {
                (Content::Event(received), Fate::Handle(_)) => Some((one, &**received)),
                _ => None,
            })
            .collect()
    }

    async fn park_those(
        &self,
        connection: &mut PgConnection,
        fates: &[Vec<Fate>],
    ) -> Result<Vec<(usize, usize, ParkedKind)>, StoreError> {
        let now = self.consumer.runtime.clock.now();
        let mut parked = Vec::new();
        for (number, (share, fates)) in self.shares.iter().zip(fates).enumerate() {
            for (record, (one, fate)) in share.records.iter().zip(fates).enumerate() {
                let Fate::Park(parking) = fate else { continue };
                dead_letter::insert(connection, letter(share, one, parking), now).await?;
                parked.push((number, record, parking.kind));
            }
        }
        Ok(parked)
    }

    fn measure(&self, done: &Done<H>, started: Instant) {
        let service = self.consumer.runtime.service;
        metrics::time(metrics::BATCH_SECONDS, service, started.elapsed());
        let records: usize = self.shares.iter().map(|share| share.records.len()).sum();
        metrics::observe(metrics::BATCH, service, f64::from(u32::try_from(records).unwrap_or(u32::MAX)));
        metrics::count(metrics::DUPLICATES, service, done.duplicates);
        for (topic, events) in done.decisions.iter().flat_map(|decisions| &decisions.handled) {
            metrics::count_by(metrics::HANDLED, service, "topic", topic, *events);
        }
        for (reason, times) in done.decisions.iter().flat_map(|decisions| &decisions.ignored) {
            metrics::count_by(metrics::IGNORED, service, "reason", reason, *times);
        }
        for &(share, record, kind) in &done.parked {
            let (share, kind) = (&self.shares[share], kind.as_str());
            let Pending { raw, step, .. } = &share.records[record];
            step.failed("parked");
            step.event("parked", &[("counterflow.parked.kind", kind.into())]);
            metrics::count_by(metrics::PARKED, service, "kind", kind, 1);
            let (topic, partition, offset) = (&share.topic, share.partition, raw.offset);
            let (correlation, trace) = (raw.header("ce_correlationid"), step.trace());
            tracing::warn!(
                service,
                topic,
                partition,
                offset,
                kind,
                correlation,
                trace_id = trace.trace_id(),
                "a record is parked"
            );
        }
        let records = self.shares.iter().flat_map(|share| &share.records);
        let unknown = records.filter(|one| matches!(one.record.content, Content::Unknown(_))).count();
        metrics::count(metrics::UNKNOWN, service, unknown);
    }
}

/// A record to be handled, and the event it is.
type Handled<'a, E> = (&'a Pending<E>, &'a Received<E>);

fn moved<E>(share: &Share<E>) -> Move<'_> {
    let last = share.records.last();
    let time = last.and_then(|one| match &one.record.content {
        Content::Event(received) => Some(received.metadata.time),
        Content::Unknown(_) | Content::Undecodable(_) => None,
    });
    let last_event_id = last.and_then(|one| one.raw.event_id());
    let to = Position { next_offset: share.end(), last_event_id, last_event_time: time };
    Move { topic: &share.topic, partition: share.partition, from: share.from, to }
}

fn letter<'a, E: kernel::Event>(
    share: &'a Share<E>,
    one: &'a Pending<E>,
    parking: &'a Parking,
) -> DeadLetter<'a> {
    let record = match &one.record.content {
        Content::Event(received) => Some(kernel::Event::name(&received.event)),
        Content::Unknown(name) => Some(name.as_str()),
        Content::Undecodable(_) => None,
    };
    DeadLetter {
        topic: &share.topic,
        partition: share.partition,
        offset: one.raw.offset,
        key: one.raw.key.as_deref(),
        value: one.raw.value.as_deref(),
        headers: one.raw.headers_json(),
        event_id: one.raw.event_id(),
        record,
        parking,
        attempts: share.attempts,
    }
}
