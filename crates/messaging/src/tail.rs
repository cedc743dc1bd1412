//! Follows topics from now on without being anybody: no group, no position, no effect. For tools and stories.

use std::time::Duration;

use kernel::Event;
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::core::batch::Content;
use crate::kafka::wire::{copy, decode};
use crate::registry::Registry;
use crate::{Received, Settings};

/// A record as it stands in the log.
#[derive(Clone, Debug)]
pub struct Tailed<E> {
    /// Topic without prefix.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// `ce_source` without its prefix: the service that wrote it.
    pub service: String,
    /// The event, or why it is none.
    pub event: Result<Box<Received<E>>, String>,
}

/// The log cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// Kafka.
    #[error("cannot follow the log")]
    Kafka(#[from] KafkaError),
    /// Another cluster, or another prefix.
    #[error("there is no topic {0}")]
    NoTopic(String),
    /// No HTTP client for the registry.
    #[error("cannot make an HTTP client for the registry")]
    Registry(#[from] reqwest::Error),
    /// The task that asks for metadata.
    #[error("cannot ask for the partitions")]
    Asking(#[from] tokio::task::JoinError),
}

const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
const QUEUE_RECORDS_MAX: usize = 1_000;

/// Follows `topics` from the first record that is written after this call returns, until the receiver is dropped. Records of
/// one partition come in order.
pub async fn tail<E: Event>(
    settings: &Settings,
    topics: &[&str],
) -> Result<mpsc::Receiver<Tailed<E>>, TailError> {
    let registry = Registry::new(&settings.registry_url)?;
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &settings.kafka_bootstrap)
        .set("broker.address.family", "v4")
        .set("group.id", format!("{}tail", settings.topic_prefix)) // asked for by the client, never joined
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .create()?;
    let names: Vec<String> = topics.iter().map(|topic| settings.topic(topic)).collect();
    let consumer =
        tokio::task::spawn_blocking(move || assign_all(&consumer, &names).map(|()| consumer)).await??;
    let (sender, receiver) = mpsc::channel(QUEUE_RECORDS_MAX);
    tokio::spawn(follow(settings.clone(), consumer, registry, sender));
    Ok(receiver)
}

fn assign_all(consumer: &StreamConsumer, topics: &[String]) -> Result<(), TailError> {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), BROKER_TIMEOUT)?;
        let partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
        let partitions: Vec<i32> = partitions.map(rdkafka::metadata::MetadataPartition::id).collect();
        if partitions.is_empty() {
            return Err(TailError::NoTopic(topic.clone()));
        }
        for partition in partitions {
            // Not `Offset::End`, which means the end at some time after this.
            let (_, end) = consumer.fetch_watermarks(topic, partition, BROKER_TIMEOUT)?;
            list.add_partition_offset(topic, partition, Offset::Offset(end))?;
        }
    }
    Ok(consumer.assign(&list)?)
}

async fn follow<E: Event>(
    settings: Settings,
    consumer: StreamConsumer,
    registry: Registry,
    sender: mpsc::Sender<Tailed<E>>,
) {
    loop {
        let message = tokio::select! {
            () = sender.closed() => return,
            message = consumer.recv() => message,
        };
        let Ok(message) = message else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let topic = settings.bare(message.topic()).unwrap_or(message.topic()).to_owned();
        let raw = copy(&message);
        let event = loop {
            match decode::<E>(&registry, &topic, &raw).await {
                Ok(record) => break record.content,
                Err(_) if sender.is_closed() => return,
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        };
        let event = match event {
            Content::Event(received) => Ok(received),
            Content::Unknown(name) => Err(format!("an event unknown to this build: {name}")),
            Content::Undecodable(reason) => Err(reason),
        };
        let service = raw.source().to_owned();
        let tailed = Tailed { topic, partition: message.partition(), offset: raw.offset, service, event };
        if sender.send(tailed).await.is_err() {
            return;
        }
    }
}
