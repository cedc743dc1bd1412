//! Executes [`crate::core::consumer`] for one assigned partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use rand::RngExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::attempt;
use super::committer::{Ready, Share};
use crate::core::Verdict;
use crate::core::batch::Record;
use crate::core::consumer::{Next, Outcome, Partition, Position};
use crate::core::record::Raw;
use crate::kafka::wire::decode;
use crate::trace::Step;
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
pub struct Task<H: Handler, R> {
    pub(super) shared: Arc<Shared<H, R>>,
    /// `topic/partition`, for reports.
    pub(super) name: String,
    /// Without prefix.
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) position: Position,
    /// Records before it were read before: to read them is a replay.
    pub(super) replay_to: i64,
    pub(super) queue: mpsc::Receiver<Raw>,
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
    /// Its span: from here until it is committed.
    pub(super) step: Step,
    /// It was read before, and somebody wants it read again.
    pub(super) replayed: bool,
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
        let mut pending: Vec<Pending<H::Event>> = Vec::new();
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
            let attempt = core.attempt();
            let later = pending.split_off(attempt.records_max.min(pending.len()));
            let share = Share {
                topic: self.topic.clone(),
                partition: self.partition,
                from: core.next_offset(),
                attempts: core.attempts(),
                park: attempt.park,
                records: pending,
            };
            let tried = if attempt.apart {
                let outcome = attempt::run(&self.shared, std::slice::from_ref(&share)).await;
                Ok((share, outcome))
            } else {
                self.with_others(share).await
            };
            let (share, outcome) = match tried {
                Ok(tried) => tried,
                Err(ended) => return ended,
            };
            self.report(&outcome);
            note(&share, &outcome);
            let (count, end) = (share.records.len(), share.end());
            pending = later;
            if outcome == Outcome::Committed {
                self.progress.store(end, Ordering::Relaxed);
            } else {
                pending.splice(0..0, share.records);
            }
            let next =
                core.tried(count, end, outcome, rand::rngs::ThreadRng::default().random_range(0.0..=1.0));
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
        let mut raws = Vec::new();
        let received = self.stop.run_until_cancelled(self.queue.recv_many(&mut raws, records_max));
        received.await.filter(|&count| count > 0).map(|_| raws)
    }

    /// One try in a transaction with all other partitions that are ready. No answer means that nobody knows what came of it.
    async fn with_others(&self, share: Share<H::Event>) -> Result<(Share<H::Event>, Outcome), Ended> {
        let (reply, replied) = oneshot::channel();
        self.shared.ready.send(Ready { share, reply }).await.map_err(|_| Ended::Lost)?;
        replied.await.map_err(|_| Ended::Lost)
    }

    fn report(&self, outcome: &Outcome) {
        let runtime = &self.shared.runtime;
        match outcome {
            Outcome::Committed => runtime.report(Part::Consumer, &self.name, None),
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
            Outcome::Apart => tracing::debug!(
                service = runtime.service,
                topic = self.topic,
                partition = self.partition,
                "a batch of several partitions failed; each tries its own"
            ),
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
    async fn decode(&self, raws: Vec<Raw>) -> Option<Vec<Pending<H::Event>>> {
        let runtime = &self.shared.runtime;
        let mut pending = Vec::with_capacity(raws.len());
        let mut failures = 0_u32;
        for raw in raws {
            let step = runtime.spans.processing(&runtime.settings, &self.topic, self.partition, &raw);
            let record = loop {
                match decode(&self.shared.registry, &self.topic, &raw).await {
                    Ok(record) => break record,
                    Err(error) => {
                        failures = failures.saturating_add(1);
                        runtime.report(Part::Registry, &self.name, Some(&error.to_string()));
                        metrics::count_by(metrics::RETRIES, runtime.service, "loop", "registry", 1);
                        step.event("retry", &[("error.type", "registry".into())]);
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
            let replayed = raw.offset < self.replay_to;
            if replayed {
                step.event("replay", &[]);
            }
            pending.push(Pending { raw, record, step, replayed });
        }
        Some(pending)
    }
}

/// A try that came to nothing, on the span of each record. Its reason is in the log: it may quote what nobody should read here.
fn note<E>(share: &Share<E>, outcome: &Outcome) {
    let kind = match outcome {
        Outcome::Committed => return,
        Outcome::Moved => "moved",
        Outcome::Failed(Verdict::Outage, _) => "outage",
        Outcome::Failed(Verdict::Fault, _) => "fault",
        Outcome::Refused(_) => "refused",
        Outcome::Apart => "apart",
    };
    for one in &share.records {
        one.step
            .event("retry", &[("error.type", kind.into()), ("attempt", i64::from(share.attempts).into())]);
    }
}
