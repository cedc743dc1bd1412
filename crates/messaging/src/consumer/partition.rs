//! Executes [`crate::core::consumer`] for one assigned partition.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use futures::FutureExt as _;
use rand::RngExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::attempt::{self, Batch};
use crate::core::Verdict;
use crate::core::batch::Record;
use crate::core::consumer::{Next, Outcome, Partition, Position};
use crate::kafka::wire::{Raw, decode};
use crate::{Handler, Part, Repository, metrics};

/// Why a partition's task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// The position in the database is not where we are: begin again from there.
    Lost,
    /// Nothing can be read from here for now, for this reason: to be looked at again later.
    Refused(String),
}

/// One assigned partition.
pub struct Task<H, R> {
    pub(super) shared: Arc<Shared<H, R>>,
    /// `topic/partition`, for reports.
    pub(super) name: String,
    /// Without prefix.
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) position: Position,
    pub(super) queue: mpsc::Receiver<Raw>,
    /// Out of the queue, but not to be read yet.
    pub(super) held_back: Option<Raw>,
    /// Tells the group how far it is.
    pub(super) progress: Arc<AtomicI64>,
    /// Tells the group that the topic is the one that was read before.
    pub(super) verified: Arc<AtomicBool>,
    pub(super) stop: CancellationToken,
}

/// A record with what it says, once that is known.
pub(super) struct Pending<E> {
    pub(super) raw: Raw,
    pub(super) record: Record<E>,
}

impl<H: Handler, R: Repository<H>> Task<H, R> {
    /// Reads until it is stopped.
    pub async fn run(mut self) -> Ended {
        let settings = self.shared.runtime.settings.clone();
        let mut core = Partition::new(
            self.position.next_offset,
            settings.batch_records_max,
            settings.attempts_max,
            settings.backoff(),
        );
        let mut pending: VecDeque<Pending<H::Event>> = VecDeque::new();
        loop {
            if pending.is_empty() {
                let Some(mut raws) = self.next(settings.batch_records_max).await else {
                    return Ended::Stopped;
                };
                if let Err(reason) = self.verify(&raws) {
                    return Ended::Refused(reason);
                }
                raws.retain(|raw| raw.offset >= core.next_offset());
                let Some(read) = self.decode(raws).await else { return Ended::Stopped };
                pending = read;
                continue;
            }
            let shared = self.shared.clone();
            let turn = self.stop.run_until_cancelled(shared.batches.acquire()).await;
            if turn.is_none() {
                return Ended::Stopped;
            }
            self.top_up(&mut pending, core.attempt().records_max);
            let next = self.one_try(&mut core, &mut pending).await;
            drop(turn);
            match next {
                Next::Go => {}
                Next::Reload => return Ended::Lost,
                Next::Wait(wait) => {
                    metrics::count_by(metrics::RETRIES, self.shared.runtime.service, "loop", "consumer", 1);
                    if self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                        return Ended::Stopped;
                    }
                }
            }
            if self.stop.is_cancelled() {
                return Ended::Stopped;
            }
        }
    }

    /// The records at hand, at least one; `None` when stopped.
    async fn next(&mut self, records_max: usize) -> Option<Vec<Raw>> {
        if let Some(raw) = self.held_back.take() {
            return Some(vec![raw]);
        }
        let mut raws = Vec::new();
        let received = self.stop.run_until_cancelled(self.queue.recv_many(&mut raws, records_max));
        received.await.filter(|&count| count > 0).map(|_| raws)
    }

    /// Takes along what came while the batch waited for its turn, as far as it can be read without asking the registry.
    fn top_up(&mut self, pending: &mut VecDeque<Pending<H::Event>>, records_max: usize) {
        while pending.len() < records_max
            && self.held_back.is_none()
            && let Ok(raw) = self.queue.try_recv()
        {
            match decode(&self.shared.registry, &self.topic, &raw).now_or_never() {
                Some(Ok(record)) => pending.push_back(Pending { raw, record }),
                Some(Err(_)) | None => self.held_back = Some(raw),
            }
        }
    }

    /// One try of the records at hand; those that are committed leave `pending`.
    async fn one_try(&self, core: &mut Partition, pending: &mut VecDeque<Pending<H::Event>>) -> Next {
        let attempt = core.attempt();
        let records: Vec<&Pending<H::Event>> = pending.iter().take(attempt.records_max).collect();
        let end = records.last().map_or(core.next_offset(), |last| last.raw.offset + 1);
        let count = records.len();
        let batch = Batch {
            shared: &self.shared,
            topic: &self.topic,
            partition: self.partition,
            from: core.next_offset(),
            end,
            attempts: core.attempts(),
            park: attempt.park,
            records,
        };
        let outcome = attempt::run(batch).await;
        self.report(&outcome);
        if let Outcome::Committed(next) = outcome {
            pending.drain(..count);
            self.progress.store(next, Ordering::Relaxed);
        }
        core.tried(count, end, outcome, rand::rngs::ThreadRng::default().random_range(0.0..=1.0))
    }

    fn report(&self, outcome: &Outcome) {
        let runtime = &self.shared.runtime;
        match outcome {
            Outcome::Committed(_) => runtime.report(Part::Consumer, &self.name, None),
            Outcome::Moved => tracing::info!(
                service = runtime.service,
                topic = self.topic,
                partition = self.partition,
                "somebody else moved the position"
            ),
            Outcome::Failed(verdict, reason) => {
                runtime.report(Part::Consumer, &self.name, Some(reason));
                tracing::debug!(
                    service = runtime.service,
                    topic = self.topic,
                    partition = self.partition,
                    ?verdict,
                    reason,
                    "a batch failed"
                );
            }
            Outcome::Refused(parking) => {
                tracing::debug!(
                    service = runtime.service,
                    topic = self.topic,
                    partition = self.partition,
                    ?parking,
                    "a record is refused"
                );
            }
        }
    }

    /// The record before our position is there to be compared, unless compaction removed it.
    fn verify(&self, raws: &[Raw]) -> Result<(), String> {
        let next = self.position.next_offset;
        let before = raws.iter().find(|raw| raw.offset == next - 1);
        let known = self.verified.load(Ordering::Relaxed)
            || before.is_none_or(|raw| raw.event_id() == self.position.last_event_id);
        self.verified.store(known, Ordering::Relaxed);
        let other = || {
            format!("the record before offset {next} is not the one that was read: the topic was made anew")
        };
        known.then_some(()).ok_or_else(other)
    }

    /// `None` when stopped while the registry was away.
    async fn decode(&self, raws: Vec<Raw>) -> Option<VecDeque<Pending<H::Event>>> {
        let runtime = &self.shared.runtime;
        let mut pending = VecDeque::with_capacity(raws.len());
        let mut failures = 0_u32;
        for raw in raws {
            let record = loop {
                match decode(&self.shared.registry, &self.topic, &raw).await {
                    Ok(record) => break record,
                    Err(error) => {
                        failures = failures.saturating_add(1);
                        runtime.report(Part::Registry, &self.name, Some(&error.to_string()));
                        metrics::count_by(metrics::RETRIES, runtime.service, "loop", "registry", 1);
                        tracing::debug!(service = runtime.service, verdict = ?Verdict::Outage, %error, "the partition waits");
                        let wait = runtime.settings.backoff().after(failures, 1.0);
                        self.stop.run_until_cancelled(tokio::time::sleep(wait)).await?;
                    }
                }
            };
            if failures > 0 {
                failures = 0;
                runtime.report(Part::Registry, &self.name, None);
            }
            pending.push_back(Pending { raw, record });
        }
        Some(pending)
    }
}
