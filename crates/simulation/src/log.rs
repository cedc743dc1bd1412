//! Kafka: partitions that records are appended to and never leave.

use std::collections::BTreeMap;
use std::sync::Arc;

use events::Event;
use kernel::{Event as _, EventId};
use messaging::core::batch::{Content, Record};
use messaging::core::record::Raw;
use messaging::memory::OutboxRow;
use messaging::{Metadata, Received, TraceContext};

/// Partitions of each topic.
pub const PARTITIONS: usize = 2;

/// A record, as it is appended and as it is read.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its key and id.
    pub raw: Raw,
    /// What it says.
    pub record: Record<Event>,
}

/// A topic and the number of a partition.
pub type Partition = (&'static str, i32);

/// All topics.
#[derive(Clone, Debug, Default)]
pub struct Log {
    partitions: BTreeMap<Partition, Vec<Arc<Entry>>>,
    /// Which event stands under a number of a key, and up to which number a key has come: for the check of order.
    numbers: BTreeMap<(&'static str, String), Vec<EventId>>,
}

impl Log {
    /// Appends a row of an outbox; `Err` when the log cannot be right any more: two events under one number of a key, or an
    /// event before the one it follows.
    pub fn append(&mut self, row: &OutboxRow<Event>) -> Result<Partition, String> {
        let partition = (row.topic, partition_of(&row.key));
        let records = self.partitions.entry(partition).or_default();
        let offset = i64::try_from(records.len()).unwrap_or(i64::MAX);
        records.push(Arc::new(entry(row, offset)));
        let numbers = self.numbers.entry((row.topic, row.key.clone())).or_default();
        let at = usize::try_from(row.event.sequence - 1).unwrap_or(usize::MAX);
        let what = || format!("{} of {}, number {}", short(&row.event.event), row.key, row.event.sequence);
        match numbers.get(at) {
            Some(id) if *id != row.event.id => {
                return Err(format!("{} is in the log beside another event of that number", what()));
            }
            None if at > numbers.len() => {
                return Err(format!("{} is in the log before number {}", what(), numbers.len() + 1));
            }
            None => numbers.push(row.event.id),
            Some(_) => {}
        }
        Ok(partition)
    }

    /// Up to `max` records of a partition from an offset on.
    pub fn read(&self, partition: Partition, from: i64, max: usize) -> Vec<Arc<Entry>> {
        let from = usize::try_from(from).unwrap_or(0);
        let records = self.partitions.get(&partition).map_or(&[][..], Vec::as_slice);
        records.iter().skip(from).take(max).cloned().collect()
    }

    /// The offset after the last record of a partition.
    pub fn end(&self, partition: Partition) -> i64 {
        let records = self.partitions.get(&partition).map_or(0, Vec::len);
        i64::try_from(records).unwrap_or(i64::MAX)
    }

    /// All records, by partition.
    pub fn entries(&self) -> impl Iterator<Item = (Partition, &Arc<Entry>)> {
        self.partitions.iter().flat_map(|(partition, records)| records.iter().map(|one| (*partition, one)))
    }
}

/// The last part of an event's name.
pub fn short(event: &Event) -> &'static str {
    let name = event.name();
    name.rsplit('.').next().unwrap_or(name)
}

fn partition_of(key: &str) -> i32 {
    let sum: usize = key.bytes().map(usize::from).sum();
    i32::try_from(sum % PARTITIONS).unwrap_or(0)
}

fn entry(row: &OutboxRow<Event>, offset: i64) -> Entry {
    let id = row.event.id;
    let metadata = Metadata {
        id,
        time: row.at,
        sequence: row.event.sequence,
        correlation: row.event.event.correlation(),
        causation: row.causation,
        trace: TraceContext::default(),
    };
    let key = Some(row.key.clone().into_bytes());
    let headers = vec![("ce_id".to_owned(), Some(id.to_string().into_bytes()))];
    let received = Received { event: row.event.event.clone(), metadata };
    Entry {
        raw: Raw { offset, key: key.clone(), value: None, headers, timestamp_ms: None },
        record: Record::of(offset, key, Content::Event(Box::new(received))),
    }
}
