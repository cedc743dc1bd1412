//! Publishes compacted topics: one shard, one transactional producer. Whoever takes the shard over fences the former
//! owner at the broker, so that no late repeat of an older value can win for ever.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use kernel::Event;
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, Producer as _};
use sqlx::PgConnection;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::leases::Held;
use super::publish::{PublishError, Publisher, schema_id};
use super::wake::Woken;
use super::{DRAIN_TIMEOUT, EXCHANGE_TIMEOUT};
use crate::core::COMPACTED_SHARD;
use crate::core::chain;
use crate::kafka::client::{self, Listener};
use crate::postgres::outbox::{OutboxRow, exchange};
use crate::registry::Registry;
use crate::trace::Step;
use crate::{FailPoint, Part, Runtime, StoreError, metrics};

const NAME: &str = "compacted topics";
const BATCH_ROWS: usize = 200;
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs until `shutdown`.
pub async fn run<E: Event>(
    runtime: &Runtime,
    registry: &Arc<Registry>,
    held: watch::Receiver<Held>,
    mut woken: Woken,
    shutdown: &CancellationToken,
) {
    let mut relay = Compacted { runtime, registry, session: None, producer: None, acked: Vec::new() };
    let poll = Duration::from_millis(runtime.settings.poll_ms);
    let mut failures = 0_u32;
    while !shutdown.is_cancelled() {
        let ours = {
            let held = held.borrow();
            held.until > Instant::now() && held.shards.contains(&COMPACTED_SHARD)
        };
        let wait = if ours {
            let late = async {
                shutdown.cancelled().await;
                tokio::time::sleep(DRAIN_TIMEOUT).await;
            };
            // Given up in the middle, a transaction is undone by the next owner, and its rows are still there.
            let sent = tokio::select! {
                sent = relay.publish_some::<E>() => sent,
                () = late => break,
            };
            match sent {
                Ok(sent) => {
                    failures = 0;
                    relay.well();
                    if sent == 0 { poll } else { Duration::ZERO }
                }
                Err(error) => {
                    failures += 1;
                    metrics::count_by(metrics::RETRIES, runtime.service, "loop", "relay", 1);
                    relay.report(&error);
                    runtime.settings.backoff().after(failures, 1.0)
                }
            }
        } else {
            relay.producer = None; // another instance's first act is to fence it
            relay.well();
            poll
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
            Ok(()) = woken.changed(), if failures == 0 => {}
        }
    }
    if let Some(producer) = relay.producer.take() {
        tokio::task::spawn_blocking(move || drop(producer));
    }
}

struct Compacted<'a> {
    runtime: &'a Runtime,
    registry: &'a Arc<Registry>,
    session: Option<PgConnection>,
    producer: Option<FutureProducer<Listener>>,
    acked: Vec<i64>,
}

impl Compacted<'_> {
    /// One transaction of records; returns how many. Rows are deleted by the next call, after the commit at the broker.
    async fn publish_some<E: Event>(&mut self) -> Result<usize, PublishError> {
        let mut rows = self.read().await?;
        if self.producer.is_none() && !rows.is_empty() {
            self.fence().await?;
            rows = self.read().await?; // the owner before us may have sent some of those, and newer ones of their keys
        }
        let (ready, trouble) = self.with_schema_ids::<E>(rows).await;
        if !ready.is_empty() {
            let (publisher, began) = (self.publisher()?, Instant::now());
            let sending: Vec<Step> = ready.iter().map(|(row, _)| publisher.sending(row)).collect();
            if let Err(error) = in_transaction(&publisher, &ready, &sending).await {
                for step in &sending {
                    step.failed("kafka");
                }
                self.abandon().await;
                return Err(error);
            }
            FailPoint::CompactedCommitted.reach();
            self.acked = ready.iter().map(|(row, _)| row.id).collect();
            let service = self.runtime.service;
            metrics::time(metrics::PUBLISH_SECONDS, service, began.elapsed());
            for (row, _) in &ready {
                metrics::count_by(metrics::PUBLISHED, service, "topic", &row.topic, 1);
            }
        }
        trouble.map_or(Ok(ready.len()), Err)
    }

    async fn read(&mut self) -> Result<Vec<OutboxRow>, PublishError> {
        let session = self.session.take();
        let work = async {
            let mut session = match session {
                Some(session) => session,
                None => super::session(self.runtime).await?,
            };
            let rows = exchange(&mut session, &self.acked, &[COMPACTED_SHARD], &[], BATCH_ROWS).await?;
            Ok::<_, StoreError>((session, rows))
        };
        let late = |_| StoreError::doing("read the outbox in time")(sqlx::Error::PoolTimedOut);
        let (session, rows) = tokio::time::timeout(EXCHANGE_TIMEOUT, work).await.map_err(late)??;
        self.session = Some(session);
        self.acked.clear();
        Ok(rows)
    }

    /// Rows that can be sent; one that cannot holds back those of its key.
    async fn with_schema_ids<E: Event>(
        &self,
        rows: Vec<OutboxRow>,
    ) -> (Vec<(OutboxRow, Option<u32>)>, Option<PublishError>) {
        let mut ready = Vec::new();
        let mut blocked = HashSet::new();
        let mut trouble = None;
        for row in rows {
            let key = (row.topic.clone(), row.key.clone());
            if blocked.contains(&key) {
                continue;
            }
            match schema_id::<E>(self.runtime, self.registry, &row).await {
                Ok(id) => ready.push((row, id)),
                Err(error) => {
                    blocked.insert(key);
                    trouble = Some(error);
                }
            }
        }
        (ready, trouble)
    }

    /// From here on nothing of a former owner gets into the log.
    async fn fence(&mut self) -> Result<(), PublishError> {
        let producer = client::fenced_producer(self.runtime).map_err(PublishError::Kafka)?;
        blocking(&producer, |producer| producer.init_transactions(BROKER_TIMEOUT)).await?;
        self.producer = Some(producer);
        Ok(())
    }

    fn publisher(&self) -> Result<Publisher, PublishError> {
        let producer = self.producer.clone().ok_or(PublishError::Kafka(KafkaError::Canceled))?;
        Ok(Publisher { runtime: self.runtime.clone(), registry: self.registry.clone(), producer })
    }

    /// After any error the producer is given up: the next one fences it, so that nothing of it can arrive late.
    async fn abandon(&mut self) {
        if let Some(producer) = self.producer.take() {
            let _ = blocking(&producer, |producer| producer.abort_transaction(Duration::from_secs(2))).await;
            tokio::task::spawn_blocking(move || drop(producer));
        }
    }

    fn well(&self) {
        self.runtime.report(Part::Registry, NAME, None);
        self.runtime.report(Part::Relay, NAME, None);
    }

    fn report(&self, error: &PublishError) {
        let part = if matches!(error, PublishError::Registry(_)) { Part::Registry } else { Part::Relay };
        let text = chain(error);
        self.runtime.report(part, NAME, Some(&text));
        metrics::count_by(metrics::PUBLISH_FAILURES, self.runtime.service, "reason", error.reason(), 1);
        tracing::debug!(
            service = self.runtime.service,
            error = text,
            "events of compacted topics wait in the outbox"
        );
    }
}

async fn in_transaction(
    publisher: &Publisher,
    rows: &[(OutboxRow, Option<u32>)],
    sending: &[Step],
) -> Result<(), PublishError> {
    publisher.producer.begin_transaction().map_err(PublishError::Kafka)?;
    let mut deliveries = Vec::with_capacity(rows.len());
    for ((row, schema_id), sending) in rows.iter().zip(sending) {
        deliveries.push((row, publisher.enqueue(row, *schema_id, sending).map_err(PublishError::Kafka)?));
    }
    for (row, delivery) in deliveries {
        publisher.delivered(row, delivery).await?;
    }
    blocking(&publisher.producer, |producer| producer.commit_transaction(BROKER_TIMEOUT)).await
}

/// librdkafka's transaction calls block their thread.
async fn blocking(
    producer: &FutureProducer<Listener>,
    call: impl FnOnce(FutureProducer<Listener>) -> Result<(), KafkaError> + Send + 'static,
) -> Result<(), PublishError> {
    let producer = producer.clone();
    let done = tokio::task::spawn_blocking(move || call(producer)).await;
    done.unwrap_or(Err(KafkaError::Canceled)).map_err(PublishError::Kafka)
}
