//! One try of a batch: position, inbox, decisions, outbox and parking in one transaction.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt as _;

use super::Shared;
use super::committer::Share;
use super::partition::Pending;
use crate::core::Verdict;
use crate::core::batch::Content;
use crate::core::consumer::{Outcome, Parking};
use crate::core::transaction::{Deciding, Done, Failure, Place, Slice, handle};
use crate::outbox::Cause;
use crate::postgres::{ANSWER_WITHIN, Session};
use crate::{FailPoint, Handler, Received, Repository, StoreError, metrics};

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
        Err(failure) => failure.outcome(),
    }
}

/// Records that are tried together.
struct Batch<'a, H: Handler, R> {
    consumer: &'a Shared<H, R>,
    shares: &'a [Share<H::Event>],
}

impl<H: Handler, R: Repository<H>> Batch<'_, H, R> {
    async fn in_transaction(&self) -> Result<Done<H>, Failure> {
        let Shared { runtime, handler, repository, .. } = self.consumer;
        let slices: Vec<Slice<'_, H::Event>> = self.shares.iter().map(Share::slice).collect();
        let deciding = Deciding { handler: &**handler, clock: &*runtime.clock, ids: &*runtime.ids };
        let cause = |place: Place, received: &Received<H::Event>| {
            Cause::event(&received.metadata).within(&self.at(place).step)
        };
        let mut transaction = runtime.pool.begin().await.map_err(StoreError::doing("begin a batch"))?;
        let mut session = Session { connection: &mut transaction, runtime, repository: &**repository };
        let done = handle(&mut session, &deciding, &slices, cause).await?;
        FailPoint::BatchCommitting.reach();
        transaction.commit().await.map_err(StoreError::doing("commit a batch"))?;
        FailPoint::BatchCommitted.reach();
        Ok(done)
    }

    fn at(&self, place: Place) -> &Pending<H::Event> {
        &self.shares[place.slice].records[place.record]
    }

    fn measure(&self, done: &Done<H>, started: Instant) {
        let service = self.consumer.runtime.service;
        metrics::time(metrics::BATCH_SECONDS, service, started.elapsed());
        let records: usize = self.shares.iter().map(|share| share.records.len()).sum();
        metrics::observe(metrics::BATCH, service, f64::from(u32::try_from(records).unwrap_or(u32::MAX)));
        metrics::count(metrics::DUPLICATES, service, done.duplicates.len());
        done.duplicates.iter().for_each(|&place| self.at(place).step.event("duplicate", &[]));
        for (topic, events) in done.decisions.iter().flat_map(|decisions| &decisions.handled) {
            metrics::count_by(metrics::HANDLED, service, "topic", topic, *events);
        }
        for (reason, times) in done.decisions.iter().flat_map(|decisions| &decisions.ignored) {
            metrics::count_by(metrics::IGNORED, service, "reason", reason, *times);
        }
        for &(place, kind) in &done.parked {
            let (share, kind) = (&self.shares[place.slice], kind.as_str());
            let Pending { raw, step, .. } = self.at(place);
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
        for share in self.shares {
            let replayed = share.records.iter().filter(|one| one.replayed).count();
            if replayed > 0 {
                metrics::count_by(metrics::REPLAYED, service, "topic", &share.topic, replayed);
            }
        }
        let records = self.shares.iter().flat_map(|share| &share.records);
        let unknown = records.filter(|one| matches!(one.record.content, Content::Unknown(_))).count();
        metrics::count(metrics::UNKNOWN, service, unknown);
    }
}
