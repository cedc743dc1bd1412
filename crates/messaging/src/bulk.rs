//! Writes records as a relay would, without database and outbox: to fill a log that is to be measured. Never for a store.

use std::time::Duration;

use kernel::{Body, EncodeError, Event};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use sha2::{Digest as _, Sha256};

use crate::kafka::wire::{framed, headers};
use crate::postgres::outbox::OutboxRow;
use crate::registry::{Registry, RegistryError};
use crate::{Metadata, Settings};

/// Fills topics.
pub struct Bulk {
    producer: FutureProducer,
    registry: Registry,
    settings: Settings,
}

/// A record was not written.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// Kafka.
    #[error("kafka does not take the record")]
    Kafka(#[from] KafkaError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// No HTTP client for the registry.
    #[error("cannot make an HTTP client for the registry")]
    Client(#[from] reqwest::Error),
    /// The event.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

const FLUSHED_WITHIN: Duration = Duration::from_mins(1);
const QUEUE_FULL: Duration = Duration::from_millis(5);

impl Bulk {
    /// To the topics of these settings.
    pub fn new(settings: &Settings) -> Result<Self, BulkError> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &settings.kafka_bootstrap)
            .set("broker.address.family", "v4")
            .set("enable.idempotence", "true")
            .set("linger.ms", "20")
            .set("batch.size", "1000000")
            .create()?;
        Ok(Self { producer, registry: Registry::new(&settings.registry_url)?, settings: settings.clone() })
    }

    /// Hands over one event of `service`, stamped with its time; waits only while the client's queue is full.
    pub async fn write<E: Event>(
        &self,
        service: &str,
        event: &E,
        metadata: &Metadata,
    ) -> Result<(), BulkError> {
        let (datum, record) = match event.encode()? {
            Body::Avro { datum, record } => (Some(datum), record),
            Body::Tombstone => (None, event.name()),
        };
        let text = E::schema_text_of(record).unwrap_or_default();
        let fingerprint = Sha256::digest(text).to_vec();
        let id = match (&datum, self.registry.known_id(&fingerprint)) {
            (None, _) => None,
            (Some(_), Some(id)) => Some(id),
            (Some(_), None) => Some(self.registry.id_of(record, &fingerprint, text).await?),
        };
        let row = OutboxRow {
            id: 0,
            shard: 0,
            topic: event.topic().to_owned(),
            key: event.key(),
            event_id: metadata.id.0,
            record: record.to_owned(),
            fingerprint,
            datum,
            sequence: metadata.sequence,
            time: metadata.time,
            correlation: metadata.correlation.clone(),
            causation: metadata.causation.map(|id| id.0),
            trace: metadata.trace.clone(),
        };
        let value = row.datum.as_deref().zip(id).map(|(datum, id)| framed(id, datum));
        let address = id.map(|id| self.registry.address_of(id));
        let (topic, key) = (self.settings.topic(&row.topic), row.key.clone());
        loop {
            let mut sent = FutureRecord::to(&topic)
                .key(key.as_bytes())
                .timestamp(row.time.as_micros() / 1_000)
                .headers(headers(service, &row, row.trace.clone(), address.as_deref()));
            if let Some(value) = &value {
                sent = sent.payload(value);
            }
            match self.producer.send_result(sent) {
                Ok(_delivery) => return Ok(()), // `flush` waits for all of them
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    tokio::time::sleep(QUEUE_FULL).await;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    /// Waits until the broker has all.
    pub async fn flush(self) -> Result<(), BulkError> {
        let flushed = tokio::task::spawn_blocking(move || self.producer.flush(FLUSHED_WITHIN)).await;
        Ok(flushed.unwrap_or(Err(KafkaError::Canceled))?)
    }
}
