//! Reads the log without being anybody: no consumer group, no position, no effect. From given places to given ends, for whoever
//! folds it ([`Log::read`]); from now on, for who watches ([`Log::follow`]); of one key, for its story ([`trail`]).

mod following;
mod partition;
mod reading;
pub mod trail;

use std::time::Duration;

use kernel::Event;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::Settings;
use crate::core::batch::Content;
use crate::registry::Registry;
use kernel::{EventId, Timestamp};

pub use following::Tailed;
pub use reading::Reading;

/// The log of a store.
pub struct Log {
    settings: Settings,
    registry: std::sync::Arc<Registry>,
}

/// What there is of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Topic without prefix.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// The first record there is.
    pub low: i64,
    /// Beyond the last one that is committed.
    pub end: i64,
}

/// A part of a partition that is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Topic without prefix.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// The first record wanted.
    pub from: i64,
    /// Beyond the last one wanted.
    pub end: i64,
}

/// A record as it stands in the log.
#[derive(Clone, Debug)]
pub struct Entry<E> {
    /// Topic without prefix.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Its key, where that is text.
    pub key: Option<String>,
    /// `ce_id`, also of what is no event, where it has one.
    pub id: Option<EventId>,
    /// `ce_time`, or when it was stamped.
    pub time: Timestamp,
    /// What it says.
    pub content: Content<E>,
}

/// The log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No client.
    #[error("cannot make a Kafka client for {bootstrap}")]
    Client {
        /// The brokers.
        bootstrap: String,
        /// What librdkafka said.
        #[source]
        source: Box<KafkaError>,
    },
    /// The brokers do not say what there is.
    #[error("cannot ask {bootstrap} for the ends of {topic}")]
    Ends {
        /// The brokers.
        bootstrap: String,
        /// Full name, prefix included.
        topic: String,
        /// What librdkafka said.
        #[source]
        source: Box<KafkaError>,
    },
    /// Another cluster, or another prefix.
    #[error("there is no topic {0}: are KAFKA_BOOTSTRAP and TOPIC_PREFIX those of the store?")]
    NoTopic(String),
    /// A partition cannot be read.
    #[error("cannot read {topic}/{partition}")]
    Read {
        /// Without prefix.
        topic: &'static str,
        /// Its number.
        partition: i32,
        /// What librdkafka said.
        #[source]
        source: Box<KafkaError>,
    },
    /// Retention has taken what is needed, or the topic was made anew.
    #[error("{topic}/{partition} is needed from {from} on, but has records from {low} to {end} only")]
    Gone {
        /// Without prefix.
        topic: &'static str,
        /// Its number.
        partition: i32,
        /// The first record wanted.
        from: i64,
        /// The first record there is.
        low: i64,
        /// Beyond the last one.
        end: i64,
    },
    /// Broker or registry are away for too long.
    #[error("{topic}/{partition} does not go on: nothing came for {within:?} ({why})")]
    Stalled {
        /// Without prefix.
        topic: &'static str,
        /// Its number.
        partition: i32,
        /// How long it was waited for.
        within: Duration,
        /// What is known of the reason.
        why: String,
    },
    /// The client has handed a record to the wrong queue.
    #[error("the Kafka client has mislaid the record at offset {0}: try again")]
    Astray(i64),
    /// No HTTP client for the registry.
    #[error("cannot make an HTTP client for the registry")]
    Registry(#[from] reqwest::Error),
    /// The task that asks the brokers.
    #[error("cannot ask the brokers")]
    Asking(#[from] tokio::task::JoinError),
}

const BROKER_TIMEOUT: Duration = Duration::from_secs(10);
/// What the client may have fetched ahead of one partition. With some thirty partitions it is most of what a reader holds: each
/// record of some hundred bytes costs it several times that.
const PREFETCH_KBYTES: &str = "64";
const FETCH_BYTES: &str = "65536";
/// How long the client rests when it has fetched so much. The default of a second is for those who read for ever.
const REST_MS: &str = "10";

impl Log {
    /// The log at these addresses; nothing is asked yet.
    pub fn open(settings: &Settings) -> Result<Self, LogError> {
        let registry = std::sync::Arc::new(Registry::new(&settings.registry_url)?);
        Ok(Self { settings: settings.clone(), registry })
    }

    /// What there is of `topics` now. They are asked in this order, one after the other: what an event of an earlier topic was
    /// caused by in a later one is below the end of that one.
    pub async fn extents(&self, topics: &[&'static str]) -> Result<Vec<Extent>, LogError> {
        let client: BaseConsumer = self.config().create().map_err(self.no_client())?;
        let (names, bootstrap) = (
            topics.iter().map(|topic| (*topic, self.settings.topic(topic))).collect::<Vec<_>>(),
            self.bootstrap(),
        );
        let asked = tokio::task::spawn_blocking(move || {
            let mut extents = Vec::new();
            for (topic, name) in names {
                let failed = |source| {
                    let (bootstrap, topic) = (bootstrap.clone(), name.clone());
                    LogError::Ends { bootstrap, topic, source: Box::new(source) }
                };
                let metadata = client.fetch_metadata(Some(&name), BROKER_TIMEOUT).map_err(failed)?;
                let known = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
                let partitions: Vec<i32> = known.map(rdkafka::metadata::MetadataPartition::id).collect();
                if partitions.is_empty() {
                    return Err(LogError::NoTopic(name));
                }
                for partition in partitions {
                    let (low, end) =
                        client.fetch_watermarks(&name, partition, BROKER_TIMEOUT).map_err(failed)?;
                    extents.push(Extent { topic, partition, low, end });
                }
            }
            Ok(extents)
        });
        asked.await?
    }

    /// Reads these spans, the records of one partition in their order, those of different ones by their time. It waits for who
    /// takes them: a bounded part of each partition is held.
    pub fn read<E: Event>(&self, spans: &[Span]) -> Result<Reading<E>, LogError> {
        let spans: Vec<Span> = spans.iter().copied().filter(|span| span.from < span.end).collect();
        if spans.is_empty() {
            return Ok(Reading::of(Vec::new(), Vec::new()));
        }
        let consumer: std::sync::Arc<StreamConsumer> =
            std::sync::Arc::new(self.config().create().map_err(self.no_client())?);
        let mut list = TopicPartitionList::new();
        for span in &spans {
            let (topic, from) = (self.settings.topic(span.topic), Offset::Offset(span.from));
            list.add_partition_offset(&topic, span.partition, from).map_err(self.no_client())?;
        }
        let mut queues = Vec::new();
        for span in &spans {
            queues.push(consumer.split_partition_queue(&self.settings.topic(span.topic), span.partition));
        }
        consumer.assign(&list).map_err(self.no_client())?;
        let (mut receivers, mut tasks) = (Vec::new(), Vec::new());
        for (span, queue) in spans.iter().zip(queues) {
            let (sender, receiver) = tokio::sync::mpsc::channel(partition::CHUNKS_MAX);
            if receivers.is_empty() {
                // Ends with its partition: the first sender must not be kept beyond it.
                tasks.push(partition::poll(consumer.clone(), sender.downgrade()));
            }
            tasks.push(partition::spawn(*span, consumer.clone(), queue, self.registry.clone(), sender));
            receivers.push(receiver);
        }
        Ok(Reading::of(receivers, tasks))
    }

    fn bootstrap(&self) -> String {
        self.settings.kafka_bootstrap.clone()
    }

    fn no_client(&self) -> impl Fn(KafkaError) -> LogError + use<> {
        let bootstrap = self.bootstrap();
        move |source| LogError::Client { bootstrap: bootstrap.clone(), source: Box::new(source) }
    }

    fn config(&self) -> ClientConfig {
        let mut config = nobody(&self.settings);
        config
            .set("fetch.wait.max.ms", "50")
            .set("fetch.message.max.bytes", FETCH_BYTES)
            .set("queued.max.messages.kbytes", PREFETCH_KBYTES)
            .set("fetch.queue.backoff.ms", REST_MS);
        config
    }
}

/// A client that reads what is committed, and is known to nobody.
fn nobody(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.kafka_bootstrap)
        .set("broker.address.family", "v4")
        .set("group.id", format!("{}log", settings.topic_prefix)) // asked for by the client, never joined
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed");
    config
}
