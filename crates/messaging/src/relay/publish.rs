//! One row of the outbox becomes one record in the log.

use std::sync::Arc;
use std::time::Instant;

use kernel::Event;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use sha2::{Digest, Sha256};

use crate::kafka::client::Listener;
use crate::kafka::wire::{framed, headers};
use crate::postgres::outbox::{OutboxRow, writer_schema};
use crate::registry::{Registry, RegistryError};
use crate::trace::Step;
use crate::{FailPoint, Runtime, StoreError, metrics};

/// Why a row could not be sent at this try.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No id for its schema, yet.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The schema it was written with is nowhere to be found.
    #[error("row {0} was written with a schema this database does not know")]
    LostSchema(i64),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The topic is not there.
    #[error("the topic {0} does not exist: run `storectl topics create`")]
    NoTopic(String),
    /// Kafka.
    #[error("kafka did not take the record")]
    Kafka(#[source] KafkaError),
}

impl PublishError {
    /// What [`PublishError::reason`] may say.
    pub const REASONS: [&'static str; 4] = ["registry", "database", "no_topic", "kafka"];

    /// As it is counted.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Registry(_) => "registry",
            Self::LostSchema(_) | Self::Store(_) => "database",
            Self::NoTopic(_) => "no_topic",
            Self::Kafka(_) => "kafka",
        }
    }
}

/// What publishing needs.
#[derive(Clone)]
pub struct Publisher {
    /// The service.
    pub runtime: Runtime,
    /// The registry.
    pub registry: Arc<Registry>,
    /// The producer.
    pub producer: FutureProducer<Listener>,
}

impl Publisher {
    /// Sends one row and waits for the broker's ack.
    pub async fn publish<E: Event>(&self, row: &OutboxRow) -> Result<(), PublishError> {
        let started = Instant::now();
        let schema_id = schema_id::<E>(&self.runtime, &self.registry, row).await?;
        let sending = self.sending(row);
        loop {
            match self.enqueue(row, schema_id, &sending) {
                Ok(delivery) => {
                    FailPoint::RecordSent.reach();
                    self.delivered(row, delivery).await.inspect_err(|_| sending.failed("kafka"))?;
                    FailPoint::RecordAcked.reach();
                    metrics::time(metrics::PUBLISH_SECONDS, self.runtime.service, started.elapsed());
                    metrics::count_by(metrics::PUBLISHED, self.runtime.service, "topic", &row.topic, 1);
                    return Ok(());
                }
                // Back-pressure, not an error.
                Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    sending.event("queue full", &[]);
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                Err(error) => {
                    sending.failed("kafka");
                    return Err(self.error(row, error));
                }
            }
        }
    }

    /// The row's wait is over; begins the span of sending it.
    pub fn sending(&self, row: &OutboxRow) -> Step {
        self.runtime.spans.waited(row);
        self.runtime.spans.sending(&self.runtime.settings, row)
    }

    /// Hands one row to the client, as part of the trace of `sending`.
    pub fn enqueue(
        &self,
        row: &OutboxRow,
        schema_id: Option<u32>,
        sending: &Step,
    ) -> Result<DeliveryFuture, KafkaError> {
        let topic = self.runtime.settings.topic(&row.topic);
        let value = row.datum.as_ref().zip(schema_id).map(|(datum, id)| framed(id, datum));
        let address = schema_id.map(|id| self.registry.address_of(id));
        let mut record = FutureRecord::<str, [u8]>::to(&topic).key(&row.key).headers(headers(
            self.runtime.service,
            row,
            sending.trace(),
            address.as_deref(),
        ));
        record.payload = value.as_deref();
        self.producer.send_result(record).map_err(|(error, _)| error)
    }

    /// Waits for the broker's ack.
    pub async fn delivered(&self, row: &OutboxRow, delivery: DeliveryFuture) -> Result<(), PublishError> {
        match delivery.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(self.error(row, error)),
            Err(_) => Err(PublishError::Kafka(KafkaError::Canceled)),
        }
    }

    fn error(&self, row: &OutboxRow, error: KafkaError) -> PublishError {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                PublishError::NoTopic(self.runtime.settings.topic(&row.topic))
            }
            _ => PublishError::Kafka(error),
        }
    }
}

/// The registry's id of exactly the schema a row was written with; `None` for a tombstone.
pub async fn schema_id<E: Event>(
    runtime: &Runtime,
    registry: &Registry,
    row: &OutboxRow,
) -> Result<Option<u32>, PublishError> {
    if row.datum.is_none() {
        return Ok(None);
    }
    if let Some(id) = registry.known_id(&row.fingerprint) {
        return Ok(Some(id));
    }
    let ours = E::schema_text_of(&row.record).filter(|text| Sha256::digest(text)[..] == row.fingerprint[..]);
    let text = if let Some(text) = ours {
        text.to_owned()
    } else {
        let written_with = async {
            let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
            writer_schema(&mut connection, &row.fingerprint).await
        };
        let found = StoreError::in_time("look up a writer's schema in time", written_with).await?;
        found.ok_or(PublishError::LostSchema(row.id))?
    };
    Ok(Some(registry.id_of(&row.record, &row.fingerprint, &text).await?))
}
