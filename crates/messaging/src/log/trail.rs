//! Reads what the log has of one key: of each topic the partition where that key is, from a time on, until the caller has
//! seen enough or the log ends. For tools.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use kernel::{Event, EventId, Timestamp};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

use crate::core::batch::Content;
use crate::core::record::{Raw, as_json};
use crate::kafka::wire::{copy, decode};
use crate::registry::{Registry, RegistryError};
use crate::{Received, Settings};

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Topics without prefix.
    pub topics: Vec<&'static str>,
    /// The key of the records.
    pub key: String,
    /// Records that were stamped before it are not looked at; `None`: from the beginning.
    pub from: Option<Timestamp>,
    /// Nor are those behind the first that was stamped then or later; `None`: to where the log ends now.
    pub until: Option<Timestamp>,
    /// Every partition, also for records of other keys whose `ce_correlationid` is this one.
    pub everywhere: bool,
    /// When these have been seen it is enough.
    pub enough: Option<Enough>,
}

/// What must have been seen before reading may stop.
#[derive(Clone, Debug, Default)]
pub struct Enough {
    /// These events.
    pub ids: BTreeSet<EventId>,
    /// At least so many different events of these topics.
    pub counts: BTreeMap<&'static str, usize>,
}

/// A record of the key.
#[derive(Clone, Debug)]
pub struct Found<E> {
    /// Topic without prefix.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// As it stands in the log.
    pub raw: Raw,
    /// Full name of the record it was written as, when the registry knows it.
    pub record: Option<String>,
    /// What it says by the schema it was written with: also of an event this build does not know.
    pub says: Option<serde_json::Value>,
    /// The event, or why it is none.
    pub event: Result<Box<Received<E>>, String>,
}

/// How much of one partition was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Topic without prefix.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// First offset.
    pub begin: i64,
    /// The offset behind the last.
    pub end: i64,
    /// Records looked at, most of them of other keys.
    pub records: u64,
}

/// What was found, and what it took.
#[derive(Clone, Debug)]
pub struct Trail<E> {
    /// By topic, each in the order of its partitions.
    pub found: Vec<Found<E>>,
    /// By topic.
    pub stretches: Vec<Stretch>,
    /// Whether reading stopped because it was enough.
    pub enough: bool,
}

/// The log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// Kafka.
    #[error("cannot read the log")]
    Kafka(#[from] KafkaError),
    /// Another cluster, or another prefix.
    #[error("there is no topic {0}")]
    NoTopic(String),
    /// It went silent on the way.
    #[error("{topic} gave no record for {PATIENCE:?}{because}")]
    Silent {
        /// Full name.
        topic: String,
        /// What the client said last.
        because: String,
    },
    /// No HTTP client for the registry.
    #[error("cannot make an HTTP client for the registry")]
    Client(#[from] reqwest::Error),
    /// The registry.
    #[error("cannot tell what a record says")]
    Registry(#[from] RegistryError),
    /// The task that reads.
    #[error("reading ended in the middle")]
    Reading(#[from] tokio::task::JoinError),
}

const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
/// A broker that answers gives something within it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The partition of `key` among so many: CRC-32 of its bytes, modulo. It is what librdkafka does when no partitioner is set
/// (`consistent_random`), and relays set none; a test holds it to them.
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    let among = u32::try_from(partitions.max(1)).unwrap_or(1);
    i32::try_from(crc32fast::hash(key) % among).unwrap_or(0)
}

/// Reads all topics at the same time.
pub async fn trail<E: Event>(settings: &Settings, wanted: Wanted) -> Result<Trail<E>, TrailError> {
    let registry = Registry::new(&settings.registry_url)?;
    let shared = Arc::new(Shared { wanted, seen: Mutex::default(), enough: AtomicBool::new(false) });
    let reading = shared.wanted.topics.clone().into_iter().map(|topic| {
        let (settings, shared) = (settings.clone(), shared.clone());
        tokio::task::spawn_blocking(move || read(&settings, topic, &shared))
    });
    let (mut found, mut stretches) = (Vec::new(), Vec::new());
    for read in try_join_all(reading).await? {
        let (records, read) = read?;
        for (topic, partition, raw) in records {
            found.push(tell(&registry, topic, partition, raw).await?);
        }
        stretches.extend(read);
    }
    Ok(Trail { found, stretches, enough: shared.enough.load(Ordering::Relaxed) })
}

async fn tell<E: Event>(
    registry: &Registry,
    topic: &'static str,
    partition: i32,
    raw: Raw,
) -> Result<Found<E>, RegistryError> {
    let event = match decode::<E>(registry, topic, &raw).await?.content {
        Content::Event(received) => Ok(received),
        Content::Unknown(name) => Err(format!("an event unknown to this build: {name}")),
        Content::Undecodable(reason) => Err(reason),
    };
    let writer = match raw.schema_id() {
        Some(id) => registry.writer(id).await.ok(), // asked before: an outage has ended this
        None => None,
    };
    let record = writer.as_ref().map(|writer| writer.record.clone());
    let says = writer.and_then(|writer| as_json(&raw, &writer));
    Ok(Found { topic, partition, raw, record, says, event })
}

struct Shared {
    wanted: Wanted,
    seen: Mutex<BTreeMap<&'static str, BTreeSet<EventId>>>,
    enough: AtomicBool,
}

impl Shared {
    fn is_wanted(&self, raw_key: Option<&[u8]>) -> bool {
        raw_key == Some(self.wanted.key.as_bytes())
    }

    /// Takes note of a record; from the last that is missing on, nobody reads on.
    fn saw(&self, topic: &'static str, raw: &Raw) {
        let (Some(enough), Some(id)) = (&self.wanted.enough, raw.event_id()) else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(topic).or_default().insert(id);
        let all = enough.ids.iter().all(|id| seen.values().any(|ids| ids.contains(id)));
        let many = |(topic, count): (&&str, &usize)| seen.get(topic).map_or(0, BTreeSet::len) >= *count;
        if all && enough.counts.iter().all(many) {
            self.enough.store(true, Ordering::Relaxed);
        }
    }
}

type Records = Vec<(&'static str, i32, Raw)>;

fn read(
    settings: &Settings,
    topic: &'static str,
    shared: &Shared,
) -> Result<(Records, Vec<Stretch>), TrailError> {
    let name = settings.topic(topic);
    let consumer = client(settings)?;
    let mut stretches = stretches(&consumer, &name, topic, &shared.wanted)?;
    let mut records = Records::new();
    let enough = || shared.enough.load(Ordering::Relaxed);
    scan(&consumer, &name, &mut stretches, enough, |message| {
        if let Some(raw) = theirs(message, shared) {
            shared.saw(topic, &raw);
            records.push((topic, message.partition(), raw));
        }
    })?;
    records.sort_by_key(|(_, partition, raw)| (*partition, raw.offset));
    Ok((records, stretches.into_values().collect()))
}

/// Reads all of the stretches of one topic, or until it is enough.
fn scan(
    consumer: &BaseConsumer,
    name: &str,
    stretches: &mut BTreeMap<i32, Stretch>,
    enough: impl Fn() -> bool,
    mut each: impl FnMut(&BorrowedMessage<'_>),
) -> Result<(), TrailError> {
    let mut list = TopicPartitionList::new();
    for stretch in stretches.values().filter(|stretch| stretch.begin < stretch.end) {
        list.add_partition_offset(name, stretch.partition, Offset::Offset(stretch.begin))?;
    }
    let mut open: BTreeSet<i32> = list.elements().iter().map(TopicPartitionListElem::partition).collect();
    if !open.is_empty() {
        consumer.assign(&list)?;
    }
    let (mut heard, mut because) = (Instant::now(), String::new());
    while !open.is_empty() && !enough() {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let (partition, offset) = (message.partition(), message.offset());
                let Some(stretch) = stretches.get_mut(&partition).filter(|_| open.contains(&partition))
                else {
                    continue;
                };
                if offset < stretch.end {
                    stretch.records += 1;
                    each(&message);
                }
                if offset + 1 >= stretch.end {
                    open.remove(&partition);
                }
            }
            // Also where the last offsets hold no records: marks of transactions, or what compaction took.
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
            Some(Err(error)) => because = format!(": {error}"),
            None => {}
        }
        if heard.elapsed() > PATIENCE {
            return Err(TrailError::Silent { topic: name.to_owned(), because });
        }
    }
    Ok(())
}

/// Where a partition begins and ends, and its first offset that was stamped at a time or later.
pub(crate) struct Ends {
    pub(crate) low: i64,
    pub(crate) high: i64,
    pub(crate) at: Option<i64>,
}

/// Of each of these partitions. Blocks.
pub(crate) fn ends(
    settings: &Settings,
    partitions: &[(String, i32)],
    time: Option<Timestamp>,
) -> Result<Vec<Ends>, TrailError> {
    let consumer = client(settings)?;
    let one = |(topic, partition): &(String, i32)| {
        let (name, partition) = (settings.topic(topic), *partition);
        let (low, high) = consumer.fetch_watermarks(&name, partition, BROKER_TIMEOUT)?;
        let at = time.map(|time| at(&consumer, &name, partition..partition + 1, time)).transpose()?;
        Ok(Ends { low, high, at: at.and_then(|offsets| offsets.get(&partition).copied()) })
    };
    partitions.iter().map(one).collect()
}

/// The ids of all events between two offsets of each of these partitions. Blocks.
pub(crate) fn ids(
    settings: &Settings,
    ranges: Vec<(String, i32, i64, i64)>,
) -> Result<Vec<EventId>, TrailError> {
    let mut topics = BTreeMap::<String, BTreeMap<i32, Stretch>>::new();
    for (topic, partition, begin, end) in ranges {
        let stretch = Stretch { topic: "", partition, begin, end, records: 0 };
        topics.entry(topic).or_default().insert(partition, stretch);
    }
    let mut ids = Vec::new();
    for (topic, mut stretches) in topics {
        let each = |message: &BorrowedMessage<'_>| ids.extend(copy(message).event_id());
        scan(&client(settings)?, &settings.topic(&topic), &mut stretches, || false, each)?;
    }
    Ok(ids)
}

fn theirs(message: &BorrowedMessage<'_>, shared: &Shared) -> Option<Raw> {
    if shared.is_wanted(message.key()) {
        return Some(copy(message));
    }
    let raw = shared.wanted.everywhere.then(|| copy(message))?;
    (raw.header("ce_correlationid") == Some(&shared.wanted.key)).then_some(raw)
}

fn client(settings: &Settings) -> Result<BaseConsumer, KafkaError> {
    super::nobody(settings)
        // Much at a time, and no second of rest when it has come: the default is for those who read for ever.
        .set("fetch.wait.max.ms", "10")
        .set("fetch.queue.backoff.ms", "5")
        .set("max.partition.fetch.bytes", "8388608")
        .set("queued.max.messages.kbytes", "32768")
        .create()
}

/// Where to begin and end, by partition.
fn stretches(
    consumer: &BaseConsumer,
    name: &str,
    topic: &'static str,
    wanted: &Wanted,
) -> Result<BTreeMap<i32, Stretch>, TrailError> {
    let metadata = consumer.fetch_metadata(Some(name), BROKER_TIMEOUT)?;
    let count: usize = metadata.topics().iter().map(|topic| topic.partitions().len()).sum();
    let count = i32::try_from(count).ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| TrailError::NoTopic(name.to_owned()))?;
    let own = partition_of(wanted.key.as_bytes(), count);
    let partitions = if wanted.everywhere { 0..count } else { own..own + 1 };
    let begin = wanted.from.map(|from| at(consumer, name, partitions.clone(), from)).transpose()?;
    let end = wanted.until.map(|until| at(consumer, name, partitions.clone(), until)).transpose()?;
    let mut stretches = BTreeMap::new();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(name, partition, BROKER_TIMEOUT)?;
        let place = |places: &Option<BTreeMap<i32, i64>>, otherwise: i64| match places {
            Some(places) => places.get(&partition).copied().unwrap_or(high),
            None => otherwise,
        };
        let (begin, end) = (place(&begin, low).max(low), place(&end, high).min(high));
        stretches.insert(partition, Stretch { topic, partition, begin, end, records: 0 });
    }
    Ok(stretches)
}

/// The first offset that was stamped then or later, where there is one.
fn at(
    consumer: &BaseConsumer,
    name: &str,
    partitions: std::ops::Range<i32>,
    time: Timestamp,
) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition_offset(name, partition, Offset::Offset(time.as_micros().max(0) / 1_000))?;
    }
    let answer = consumer.offsets_for_times(asked, BROKER_TIMEOUT)?;
    let known = answer.elements();
    let offset = |one: &TopicPartitionListElem<'_>| match one.offset() {
        Offset::Offset(offset) => Some((one.partition(), offset)),
        _ => None,
    };
    Ok(known.iter().filter_map(offset).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_of_a_key_is_its_crc_32() {
        // The check value of CRC-32: 0xcbf43926 for these nine digits.
        assert_eq!(
            partition_of(b"123456789", i32::MAX),
            i32::try_from(0xcbf4_3926_u32 % 0x7fff_ffff).unwrap()
        );
        assert_eq!(partition_of(b"123456789", 1), 0);
        assert_eq!(partition_of(b"anything", 0), 0);
    }
}
