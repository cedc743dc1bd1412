//! The log as it is: records read without messaging, and records written past it.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use kernel::{Body, Event, Ids as _, clock::SystemIds};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use uuid::Uuid;

/// A record as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub partition: i32,
    pub offset: i64,
    pub key: String,
    pub value: Option<Vec<u8>>,
    pub headers: BTreeMap<String, String>,
}

impl Entry {
    /// `ce_sequence`, which tests give as they like.
    pub fn number(&self) -> i64 {
        self.headers["ce_sequence"].parse().unwrap()
    }

    pub fn schema_id(&self) -> u32 {
        u32::from_be_bytes(self.value.as_ref().unwrap()[1..5].try_into().unwrap())
    }
}

/// What a reader of committed records sees on a topic, partition after partition.
pub async fn read(bootstrap: &str, topic: &str) -> Vec<Entry> {
    let (bootstrap, topic) = (bootstrap.to_owned(), topic.to_owned());
    tokio::task::spawn_blocking(move || read_all(&bootstrap, &topic)).await.unwrap()
}

fn read_all(bootstrap: &str, topic: &str) -> Vec<Entry> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("broker.address.family", "v4")
        .set("group.id", "nobody")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "10")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
    let mut list = TopicPartitionList::new();
    let partitions = metadata.topics()[0].partitions();
    for partition in partitions {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut entries, mut ended) = (Vec::new(), HashSet::new());
    while ended.len() < partitions.len() {
        match consumer.poll(Duration::from_secs(20)).expect("the broker answers") {
            Ok(message) => entries.push(entry(&message)),
            Err(KafkaError::PartitionEOF(partition)) => drop(ended.insert(partition)),
            Err(error) => panic!("{topic}: {error}"),
        }
    }
    entries.sort_by_key(|entry| (entry.partition, entry.offset));
    entries
}

fn entry(message: &rdkafka::message::BorrowedMessage<'_>) -> Entry {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Entry {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(text).unwrap_or_default(),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers
            .map(|header| (header.key.to_owned(), header.value.map(text).unwrap_or_default()))
            .collect(),
    }
}

/// Of each key, the numbers in the order of the log.
pub fn numbers(entries: &[Entry]) -> BTreeMap<String, Vec<i64>> {
    let mut numbers: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for entry in entries {
        numbers.entry(entry.key.clone()).or_default().push(entry.number());
    }
    numbers
}

/// The same without repeats: the order in which each number came first.
pub fn firsts(numbers: &[i64]) -> Vec<i64> {
    let mut seen = HashSet::new();
    numbers.iter().copied().filter(|number| seen.insert(*number)).collect()
}

/// A record written past messaging.
#[derive(Clone, Debug)]
pub struct Forged {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// `ce_id` headers: one, where nothing is wrong.
    pub ids: Vec<Uuid>,
    pub number: i64,
    /// Headers beside those.
    pub more: Vec<(&'static str, Vec<u8>)>,
}

impl Forged {
    /// A good record of `event`, under the registry's `schema_id`.
    pub fn good(event: &impl Event, schema_id: u32, number: i64) -> Self {
        let value = match event.encode().unwrap() {
            Body::Avro { datum, .. } => Some([&[0][..], &schema_id.to_be_bytes(), &datum].concat()),
            Body::Tombstone => None,
        };
        let key = Some(event.key().into_bytes());
        Self { key, value, ids: vec![SystemIds.next()], number, more: Vec::new() }
    }

    /// Bytes, with the header a record must have.
    pub fn bytes(key: &str, value: &[u8]) -> Self {
        let (key, value) = (Some(key.into()), Some(value.to_vec()));
        Self { key, value, ids: vec![SystemIds.next()], number: 0, more: Vec::new() }
    }

    /// Bytes that mean nothing.
    pub fn noise(key: &str) -> Self {
        Self::bytes(key, b"noise")
    }
}

/// Writes past messaging, in order.
pub struct Pen {
    producer: FutureProducer,
    topic: String,
}

impl Pen {
    pub fn on(bootstrap: &str, topic: String) -> Self {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", bootstrap).set("broker.address.family", "v4").set("linger.ms", "0");
        // A large record goes alone, and the broker says how large one may be.
        settings.set("batch.size", "100000").set("message.max.bytes", "1048000");
        Self { producer: settings.create().unwrap(), topic }
    }

    pub async fn write(&self, records: impl IntoIterator<Item = Forged>) {
        let mut deliveries = Vec::new();
        for record in records {
            let number = record.number.to_string();
            let mut headers = OwnedHeaders::new().insert(Header { key: "ce_sequence", value: Some(&number) });
            for id in &record.ids {
                headers = headers.insert(Header { key: "ce_id", value: Some(&id.to_string()) });
            }
            for (key, value) in &record.more {
                headers = headers.insert(Header { key, value: Some(value) });
            }
            let mut message = FutureRecord::<[u8], [u8]>::to(&self.topic).headers(headers);
            message.key = record.key.as_deref();
            message.payload = record.value.as_deref();
            deliveries.push(self.producer.send_result(message).map_err(|(error, _)| error).unwrap());
        }
        for delivery in deliveries {
            delivery.await.unwrap().map_err(|(error, _)| error).unwrap();
        }
    }
}

/// Removes the records of a topic with one partition below `offset`, as retention does.
pub async fn delete_records(bootstrap: &str, topic: &str, offset: i64) {
    messaging::admin::delete_records(bootstrap, topic, 0, Some(offset)).await.unwrap();
}

/// Bytes without any order in them, the same every time.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
