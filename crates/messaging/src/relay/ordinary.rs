//! Executes [`crate::core::relay`] for topics that keep everything.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use kernel::Event;
use rand::RngExt as _;
use rdkafka::producer::Producer as _;
use sqlx::PgConnection;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::leases::Held;
use super::publish::{PublishError, Publisher};
use super::wake::Woken;
use super::{DRAIN_TIMEOUT, EXCHANGE_TIMEOUT};
use crate::core::COMPACTED_SHARD;
use crate::core::chain;
use crate::core::relay::{Action, Input, Relay, Row};
use crate::kafka::client;
use crate::postgres::outbox::{OutboxRow, exchange};
use crate::postgres::rest;
use crate::registry::Registry;
use crate::{FailPoint, Part, Runtime, StoreError, metrics};

type Publishing = Pin<Box<dyn Future<Output = (i64, u64, Result<(), PublishError>)> + Send>>;
type Exchanging =
    Pin<Box<dyn Future<Output = (Option<PgConnection>, Result<Vec<OutboxRow>, StoreError>)> + Send>>;

const NAME: &str = "ordinary topics";
const PAGE_ROWS: usize = 1_000;

/// How long acknowledged rows wait for others to be deleted with.
const FLUSH_AFTER: Duration = Duration::from_millis(50);

struct Loop {
    runtime: Runtime,
    publisher: Publisher,
    /// Counts producers: what an older one reports means nothing any more.
    generation: u64,
    core: Relay,
    rows: HashMap<i64, Arc<OutboxRow>>,
    publishing: FuturesUnordered<Publishing>,
    exchanging: Option<Exchanging>,
    session: Option<PgConnection>,
    failures: u32,
    unblock_at: Option<Instant>,
    unblock_failures: u32,
    flush_at: Option<Instant>,
    rested_at: Option<Instant>,
    exchange_began: Instant,
}

/// Runs until `shutdown`.
pub async fn run<E: Event>(
    runtime: &Runtime,
    registry: &Arc<Registry>,
    mut held: watch::Receiver<Held>,
    mut woken: Woken,
    shutdown: &CancellationToken,
) {
    let Some(producer) = made(runtime, shutdown).await else { return };
    let publisher = Publisher { runtime: runtime.clone(), registry: registry.clone(), producer };
    let mut relay = Loop::new(runtime, publisher);
    held.mark_changed();
    loop {
        let lease_end = held.borrow().until;
        let poll = Duration::from_millis(runtime.settings.poll_ms).mul_f64(0.75 + jitter() / 2.0);
        let input = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Ok(()) = held.changed() => Input::Held(ordinary_shards(&held)),
            Some((id, generation, result)) = relay.publishing.next() => match relay.published(id, generation, result) {
                Some(input) => input,
                None => continue,
            },
            input = exchanged(&mut relay.exchanging, &mut relay.session, &mut relay.rows) => relay.page(input),
            () = until(relay.unblock_at) => { relay.unblock_at = None; Input::Unblock }
            () = until(relay.flush_at) => { relay.flush_at = None; Input::Flush }
            () = until(relay.rested_at) => { relay.rested_at = None; Input::Rested }
            () = sleep_until(lease_end), if lease_end > Instant::now() => Input::Held(BTreeSet::new()),
            Ok(()) = woken.changed() => Input::Woken,
            () = tokio::time::sleep(poll) => Input::Woken,
        };
        if matches!(&input, Input::Held(shards) if shards.is_empty()) && relay.unblock_failures > 0 {
            relay.well(); // whoever holds them now will say how it is
        }
        let actions = relay.core.step(input);
        relay.carry_out::<E>(actions);
        relay.replace_a_dead_producer::<E>();
    }
    relay.drain::<E>().await;
}

impl Loop {
    fn new(runtime: &Runtime, publisher: Publisher) -> Self {
        Self {
            runtime: runtime.clone(),
            publisher,
            generation: 0,
            core: Relay::new(runtime.settings.relay_rows_max, PAGE_ROWS.min(runtime.settings.relay_rows_max)),
            rows: HashMap::new(),
            publishing: FuturesUnordered::new(),
            exchanging: None,
            session: None,
            failures: 0,
            unblock_at: None,
            unblock_failures: 0,
            flush_at: None,
            rested_at: None,
            exchange_began: Instant::now(),
        }
    }

    fn carry_out<E: Event>(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Publish(id) => {
                    let Some(row) = self.rows.get(&id).cloned() else { continue };
                    let (publisher, generation) = (self.publisher.clone(), self.generation);
                    self.publishing
                        .push(Box::pin(async move { (id, generation, publisher.publish::<E>(&row).await) }));
                }
                Action::Exchange { delete, without, shards, limit } => {
                    self.exchange_began = Instant::now();
                    let (runtime, session) = (self.runtime.clone(), self.session.take());
                    self.exchanging =
                        Some(Box::pin(exchange_rows(runtime, session, delete, without, shards, limit)));
                }
                Action::Drop(ids) => ids.iter().for_each(|id| drop(self.rows.remove(id))),
            }
        }
        let waiting = self.core.rows_acked() > 0;
        self.flush_at = waiting.then(|| self.flush_at.unwrap_or_else(|| Instant::now() + FLUSH_AFTER));
    }

    /// What a finished exchange means to the core.
    fn page(&mut self, result: Result<Vec<Row>, StoreError>) -> Input {
        match result {
            Ok(rows) => {
                self.failures = 0;
                self.rested_at = Some(Instant::now() + rest(self.exchange_began.elapsed()));
                Input::Exchanged { rows }
            }
            Err(error) => {
                self.failures += 1;
                tracing::debug!(service = self.runtime.service, error = %chain(&error), "cannot read the outbox");
                metrics::count_by(metrics::RETRIES, self.runtime.service, "loop", "relay", 1);
                self.rested_at =
                    Some(Instant::now() + self.runtime.settings.backoff().after(self.failures, jitter()));
                Input::ExchangeFailed
            }
        }
    }

    fn published(&mut self, id: i64, generation: u64, result: Result<(), PublishError>) -> Option<Input> {
        if generation != self.generation {
            return None;
        }
        match result {
            Ok(()) => {
                if self.core.rows_blocked() == 0 && self.unblock_failures > 0 {
                    self.well();
                }
                Some(Input::Acked(id))
            }
            Err(error) => {
                self.report(&error);
                if self.unblock_at.is_none() {
                    self.unblock_failures = self.unblock_failures.saturating_add(1);
                    let wait = self.runtime.settings.backoff().after(self.unblock_failures, jitter());
                    self.unblock_at = Some(Instant::now() + wait);
                }
                Some(Input::Failed(id))
            }
        }
    }

    fn well(&mut self) {
        self.unblock_failures = 0;
        self.runtime.report(Part::Registry, NAME, None);
        self.runtime.report(Part::Relay, NAME, None);
    }

    fn report(&self, error: &PublishError) {
        let part = if matches!(error, PublishError::Registry(_)) { Part::Registry } else { Part::Relay };
        let text = chain(error);
        self.runtime.report(part, NAME, Some(&text));
        metrics::count_by(metrics::PUBLISH_FAILURES, self.runtime.service, "reason", error.reason(), 1);
        tracing::debug!(service = self.runtime.service, error = text, "events wait in the outbox");
    }

    /// A fatal error ends a producer for good; the next one starts from the table.
    fn replace_a_dead_producer<E: Event>(&mut self) {
        if self.publisher.producer.client().fatal_error().is_none() {
            return;
        }
        tracing::warn!(service = self.runtime.service, "the producer is dead; making another one");
        let Ok(producer) = client::producer(&self.runtime) else { return };
        let dead = std::mem::replace(&mut self.publisher.producer, producer);
        tokio::task::spawn_blocking(move || drop(dead));
        self.generation += 1;
        self.publishing.clear();
        let actions = self.core.step(Input::ProducerLost);
        self.carry_out::<E>(actions);
    }

    /// Waits for the acks of what is in flight and deletes those rows; nothing new is sent.
    async fn drain<E: Event>(mut self) {
        let end = Instant::now() + DRAIN_TIMEOUT;
        self.step_and_flush::<E>(Input::Held(BTreeSet::new()));
        while !self.core.is_idle() {
            let input = tokio::select! {
                () = sleep_until(end) => return,
                Some((id, generation, result)) = self.publishing.next() => match self.published(id, generation, result) {
                    Some(input) => input,
                    None => continue,
                },
                input = exchanged(&mut self.exchanging, &mut self.session, &mut self.rows) => self.page(input),
                () = until(self.rested_at) => { self.rested_at = None; Input::Rested }
            };
            self.step_and_flush::<E>(input);
        }
    }

    fn step_and_flush<E: Event>(&mut self, input: Input) {
        for input in [input, Input::Flush] {
            let actions = self.core.step(input);
            self.carry_out::<E>(actions);
        }
    }
}

/// Held now, by our own clock, and not published by the fenced producer.
fn ordinary_shards(held: &watch::Receiver<Held>) -> BTreeSet<i16> {
    let held = held.borrow();
    if held.until <= Instant::now() {
        return BTreeSet::new();
    }
    held.shards.iter().copied().filter(|&shard| shard != COMPACTED_SHARD).collect()
}

fn jitter() -> f64 {
    rand::rngs::ThreadRng::default().random_range(0.0..=1.0)
}

async fn made(
    runtime: &Runtime,
    shutdown: &CancellationToken,
) -> Option<rdkafka::producer::FutureProducer<client::Listener>> {
    loop {
        match client::producer(runtime) {
            Ok(producer) => return Some(producer),
            Err(error) => {
                runtime.report(Part::Relay, client::CLIENT, Some(&error.to_string()));
                tracing::error!(service = runtime.service, %error, "cannot make a producer");
                shutdown.run_until_cancelled(tokio::time::sleep(Duration::from_secs(5))).await?;
            }
        }
    }
}

async fn exchange_rows(
    runtime: Runtime,
    session: Option<PgConnection>,
    delete: Vec<i64>,
    without: Vec<i64>,
    shards: Vec<i16>,
    limit: usize,
) -> (Option<PgConnection>, Result<Vec<OutboxRow>, StoreError>) {
    let work = async {
        let mut session = match session {
            Some(session) => session,
            None => super::session(&runtime).await?,
        };
        let rows = exchange(&mut session, &delete, &shards, &without, limit).await?;
        if !delete.is_empty() {
            FailPoint::RowsDeleted.reach();
        }
        Ok((session, rows))
    };
    match tokio::time::timeout(EXCHANGE_TIMEOUT, work).await {
        Ok(Ok((session, rows))) => (Some(session), Ok(rows)),
        Ok(Err(error)) => (None, Err(error)),
        Err(_) => (
            None,
            Err(StoreError::Database { doing: "read the outbox in time", source: sqlx::Error::PoolTimedOut }),
        ),
    }
}

/// Resolves when the exchange under way is done; never when there is none.
async fn exchanged(
    exchanging: &mut Option<Exchanging>,
    session: &mut Option<PgConnection>,
    rows: &mut HashMap<i64, Arc<OutboxRow>>,
) -> Result<Vec<Row>, StoreError> {
    let Some(under_way) = exchanging.as_mut() else { return std::future::pending().await };
    let (back, result) = under_way.await;
    *exchanging = None;
    *session = back;
    let page = result?;
    Ok(page
        .into_iter()
        .map(|row| {
            let head = Row { id: row.id, shard: row.shard, key: (row.topic.clone(), row.key.clone()) };
            rows.insert(row.id, Arc::new(row));
            head
        })
        .collect())
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
