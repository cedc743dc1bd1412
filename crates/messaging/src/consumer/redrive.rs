//! Carries out what somebody asked to be done with dead letters: the same handler, the same inbox, one transaction a batch
//! that holds the positions of their partitions.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use rand::RngExt as _;

use super::Shared;
use crate::core::Verdict;
use crate::core::batch::Content;
use crate::core::chain;
use crate::core::consumer::{Next, Outcome, Parking};
use crate::core::redrive::{Course, Letter, Turn, turns};
use crate::core::transaction::{Deciding, Done, Erasure, Failure, Place, react};
use crate::kafka::wire::decode;
use crate::outbox::Cause;
use crate::postgres::action::{self, Action, Parked, Step, StepOutcome};
use crate::postgres::{ANSWER_WITHIN, Session, dead_letter, inbox};
use crate::trace;
use crate::{Handler, Received, Repository, Runtime, StoreError, metrics};

/// Runs until it is dropped. A look at a table that is nearly always empty, now and then: whoever asks can wait as long.
pub(super) async fn run<H: Handler, R: Repository<H>>(consumer: &Shared<H, R>) {
    let runtime = &consumer.runtime;
    let mut failures = 0_u32;
    loop {
        let looked = StoreError::in_time("look for an action in time", action::oldest(&runtime.pool)).await;
        let found = match looked {
            Ok(Some(action)) => carry_out(consumer, &action).await.map(|()| true),
            Ok(None) => Ok(false),
            Err(error) => Err(error),
        };
        let wait = match found {
            Ok(true) => continue,
            Ok(false) => {
                failures = 0;
                Duration::from_millis(runtime.settings.poll_ms)
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                tracing::debug!(service = runtime.service, error = %chain(&error), "dead letters wait");
                runtime.settings.backoff().after(failures, 1.0)
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// Until it is done, or the database is away.
async fn carry_out<H: Handler, R: Repository<H>>(
    consumer: &Shared<H, R>,
    action: &Action,
) -> Result<(), StoreError> {
    let runtime = &consumer.runtime;
    let settings = &runtime.settings;
    let mut course = Course::new(settings.batch_records_max, settings.attempts_max, settings.backoff());
    loop {
        let letters_max = i64::try_from(course.letters_max()).unwrap_or(i64::MAX);
        let letters = action::next(&runtime.pool, action.id, letters_max);
        let letters = StoreError::in_time("read dead letters in time", letters).await?;
        let Some(first) = letters.first() else {
            if StoreError::in_time("end an action in time", ends(runtime, action.id)).await? {
                return Ok(());
            }
            tokio::time::sleep(settings.backoff().base).await;
            continue;
        };
        let count = letters.len();
        let (park, attempts) = course.begin_with(first.id);
        let outcome = attempt(consumer, action, letters, park, attempts).await;
        let jitter = rand::rngs::ThreadRng::default().random_range(0.0..=1.0);
        match course.came_to(count, outcome, jitter) {
            Next::Go => {}
            Next::Wait(wait) => {
                metrics::count_by(metrics::RETRIES, runtime.service, "loop", "consumer", 1);
                tokio::time::sleep(wait).await;
            }
            // Another instance is at it.
            Next::Reload => tokio::time::sleep(settings.backoff().base).await,
        }
    }
}

/// Ends an action of which no letter is left, unless more came behind or another instance is at it. True when it is over,
/// whoever ended it.
async fn ends(runtime: &Runtime, action: i64) -> Result<bool, StoreError> {
    let mut transaction =
        runtime.pool.begin().await.map_err(StoreError::doing("begin the end of an action"))?;
    let done = action::hold(&mut transaction, action, &[]).await?
        && action::finish(&mut transaction, action).await?;
    transaction.commit().await.map_err(StoreError::doing("end an action"))?;
    if done {
        tracing::info!(service = runtime.service, action, "an action on dead letters is done");
        return Ok(true);
    }
    Ok(action::oldest(&runtime.pool).await?.is_none_or(|oldest| oldest.id != action))
}

async fn attempt<H: Handler, R: Repository<H>>(
    consumer: &Shared<H, R>,
    action: &Action,
    parked: Vec<Parked>,
    park: Option<Parking>,
    attempts: u32,
) -> Outcome {
    let batch = match Batch::read(consumer, action, parked, park, attempts).await {
        Ok(batch) => batch,
        Err(reason) => return Outcome::Failed(Verdict::Outage, reason),
    };
    let tried = AssertUnwindSafe(batch.in_transaction()).catch_unwind();
    let Ok(tried) = tokio::time::timeout(ANSWER_WITHIN, tried).await else {
        return Outcome::Failed(
            Verdict::Outage,
            format!("the database did not answer within {ANSWER_WITHIN:?}"),
        );
    };
    match tried.unwrap_or_else(|panic| Err(Failure::Refused(Parking::panicked(&*panic)))) {
        Ok((done, steps)) => {
            consumer.handler.committed(&done.keys);
            consumer.runtime.outbox.wake(done.unsent);
            batch.tell(&done, &steps);
            Outcome::Committed
        }
        Err(failure) => failure.outcome(),
    }
}

/// Letters that are tried together.
struct Batch<'a, H: Handler, R> {
    consumer: &'a Shared<H, R>,
    action: &'a Action,
    parked: Vec<Parked>,
    /// None are read for a discard.
    letters: Vec<(Letter<H::Event>, trace::Step)>,
    park: Option<Parking>,
    attempts: u32,
}

impl<'a, H: Handler, R: Repository<H>> Batch<'a, H, R> {
    /// Before anything is locked: the registry may be away.
    async fn read(
        consumer: &'a Shared<H, R>,
        action: &'a Action,
        parked: Vec<Parked>,
        park: Option<Parking>,
        attempts: u32,
    ) -> Result<Self, String> {
        let mut letters = Vec::new();
        let runtime = &consumer.runtime;
        for Parked { id, topic, partition, raw } in parked.iter().filter(|_| !action.is_discard) {
            let step = runtime.spans.processing(&runtime.settings, topic, *partition, raw);
            let record = decode(&consumer.registry, topic, raw).await.map_err(|error| error.to_string())?;
            letters.push((Letter { id: *id, topic: topic.clone(), partition: *partition, record }, step));
        }
        Ok(Self { consumer, action, parked, letters, park, attempts })
    }

    async fn in_transaction(&self) -> Result<(Done<H>, Vec<Step>), Failure> {
        let Shared { runtime, repository, .. } = self.consumer;
        let ids: Vec<i64> = self.parked.iter().map(|letter| letter.id).collect();
        let mut transaction = runtime.pool.begin().await.map_err(StoreError::doing("begin a redrive"))?;
        if !action::hold(&mut transaction, self.action.id, &ids).await? {
            return Err(Failure::Moved);
        }
        let mut session = Session { connection: &mut transaction, runtime, repository: &**repository };
        let (done, steps) = if self.action.is_discard {
            inbox::insert(session.connection, &action::discarded_ids(&self.parked)).await?;
            (
                Done::nothing(),
                self.parked.iter().map(|letter| step(letter.id, StepOutcome::Discarded)).collect(),
            )
        } else {
            self.redrive(&mut session, &ids).await?
        };
        action::settle(session.connection, self.action.id, &steps).await?;
        transaction.commit().await.map_err(StoreError::doing("commit a redrive"))?;
        Ok((done, steps))
    }

    async fn redrive(
        &self,
        session: &mut Session<'_, R>,
        ids: &[i64],
    ) -> Result<(Done<H>, Vec<Step>), Failure> {
        let Shared { runtime, handler, .. } = self.consumer;
        self.erase(session).await?;
        let ahead = action::ahead(session.connection, ids).await?;
        let turns = turns(self.letters.iter().map(|(letter, _)| letter), ahead, self.park.as_ref());
        let handled = handled(&self.letters, &turns);
        let deciding = Deciding { handler: &**handler, clock: &*runtime.clock, ids: &*runtime.ids };
        let cause = |place: Place, received: &Received<H::Event>| {
            Cause::event(&received.metadata).within(&self.letters[place.record].1)
        };
        let mut done = Done::nothing();
        if !handled.is_empty() {
            react(session, &deciding, &handled, cause, &mut done).await?;
        }
        let duplicate = |record| done.duplicates.contains(&Place { slice: 0, record });
        let steps = self.letters.iter().zip(&turns).enumerate();
        let steps = steps.map(|(index, ((letter, _), turn))| self.step(letter.id, turn, duplicate(index)));
        let steps = steps.collect();
        Ok((done, steps))
    }

    /// Before anything is said to be ahead of something else. Letters of this batch that are taken back are discarded by it.
    async fn erase(&self, session: &mut Session<'_, R>) -> Result<(), StoreError> {
        let erasing = self.letters.iter().filter(|(letter, _)| letter.record.erases);
        let erasures = erasing.filter_map(|(Letter { topic, partition, record, .. }, _)| {
            Some(Erasure { topic, partition: *partition, offset: record.offset, key: record.key.as_deref()? })
        });
        let erasures: Vec<Erasure<'_>> = erasures.collect();
        if erasures.is_empty() {
            return Ok(());
        }
        let now = self.consumer.runtime.clock.now();
        dead_letter::erase(session.connection, &erasures, now).await.map(drop)
    }

    fn step(&self, letter: i64, turn: &Turn, duplicate: bool) -> Step {
        let with = |outcome, detail| Step { detail: Some(detail), ..step(letter, outcome) };
        match turn {
            Turn::Handle if duplicate => {
                with(StepOutcome::Redriven, "its event had its effect before".to_owned())
            }
            Turn::Handle => step(letter, StepOutcome::Redriven),
            Turn::Pass => {
                with(StepOutcome::Redriven, "passed over: an event this build does not know".to_owned())
            }
            Turn::Stay(parking) => Step {
                parking: Some((parking.clone(), self.attempts)),
                ..with(StepOutcome::Failed, parking.reason.clone())
            },
            Turn::Behind(offset) => {
                let ahead = format!("the record of its key at offset {offset} is parked");
                with(StepOutcome::Behind, ahead)
            }
            Turn::Erased(offset) => {
                with(StepOutcome::Discarded, format!("the record at offset {offset} erased its key"))
            }
        }
    }

    fn tell(&self, done: &Done<H>, steps: &[Step]) {
        let service = self.consumer.runtime.service;
        metrics::count(metrics::DUPLICATES, service, done.duplicates.len());
        for (topic, events) in done.decisions.iter().flat_map(|decisions| &decisions.handled) {
            metrics::count_by(metrics::HANDLED, service, "topic", topic, *events);
        }
        for (reason, times) in done.decisions.iter().flat_map(|decisions| &decisions.ignored) {
            metrics::count_by(metrics::IGNORED, service, "reason", reason, *times);
        }
        for (letter, step) in self.parked.iter().zip(steps) {
            let Action { id: action, who, why, .. } = self.action;
            let (topic, partition, offset) = (&letter.topic, letter.partition, letter.raw.offset);
            let (outcome, correlation) = (step.outcome.as_str(), letter.raw.header("ce_correlationid"));
            tracing::info!(
                service,
                action,
                who,
                why,
                topic,
                partition,
                offset,
                outcome,
                correlation,
                "a dead letter was taken up"
            );
        }
    }
}

fn step(letter: i64, outcome: StepOutcome) -> Step {
    Step { letter, outcome, detail: None, parking: None }
}

fn handled<'a, E>(letters: &'a [(Letter<E>, trace::Step)], turns: &[Turn]) -> Vec<(Place, &'a Received<E>)> {
    let mut handled = Vec::new();
    for (record, ((letter, _), turn)) in letters.iter().zip(turns).enumerate() {
        if let (Content::Event(received), Turn::Handle) = (&letter.record.content, turn) {
            handled.push((Place { slice: 0, record }, &**received));
        }
    }
    handled
}
