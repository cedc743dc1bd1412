//! What the catalogue knows: the topics, their events, who writes and who reads them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use events::{CATALOGUE, Event, Record};
use kernel::Event as _;
use serde_json::Value;

use super::readers::{self, Reader};
use super::shape;

/// The whole of it.
pub(super) struct Store {
    pub(super) topics: Vec<Topic>,
    pub(super) readers: Vec<Reader>,
}

/// A topic.
pub(super) struct Topic {
    pub(super) name: &'static str,
    /// One sentence.
    pub(super) about: &'static str,
    /// The one service that writes on it.
    pub(super) owner: &'static str,
    /// As `storectl topics create` makes it.
    pub(super) config: Vec<(&'static str, String)>,
    pub(super) events: Vec<Entry>,
}

/// An event.
pub(super) struct Entry {
    /// Full name.
    pub(super) name: &'static str,
    /// The field that is the key.
    pub(super) key: &'static str,
    /// `None` for a tombstone, which is an event without a body.
    pub(super) body: Option<Written>,
    /// Services that do something about it.
    pub(super) readers: Vec<&'static str>,
}

/// What the body of an event is.
pub(super) struct Written {
    /// The Avro schema of this build.
    pub(super) schema: Value,
    pub(super) example: Value,
    pub(super) versions: Vec<Version>,
}

/// A version of a schema.
pub(super) struct Version {
    /// `None` while it was not published.
    pub(super) number: Option<usize>,
    /// What it has that the one before had not.
    pub(super) added: Vec<String>,
}

impl Store {
    /// Reads examples and published versions below `schemas`, and asks every service.
    pub(super) fn read(schemas: &Path) -> anyhow::Result<Self> {
        let samples =
            CATALOGUE.iter().map(|record| sample(schemas, record)).collect::<anyhow::Result<Vec<_>>>()?;
        let tombstones =
            samples.iter().filter_map(|event| Event::decode_tombstone(event.topic(), &event.key()).ok());
        let tombstones: Vec<Event> = tombstones.collect();
        let every: Vec<Event> = samples.iter().chain(&tombstones).cloned().collect();
        let readers = readers::all(&every);
        let topics = events::topics::ALL.iter().map(|name| Topic::read(name, schemas, &tombstones, &readers));
        Ok(Self { topics: topics.collect::<anyhow::Result<_>>()?, readers })
    }
}

impl Topic {
    fn read(
        name: &'static str,
        schemas: &Path,
        tombstones: &[Event],
        readers: &[Reader],
    ) -> anyhow::Result<Self> {
        let of_topic = CATALOGUE.iter().filter(|record| record.topic == name);
        let mut events = of_topic
            .map(|record| {
                let body = Some(Written::read(schemas, record)?);
                let readers = who_reads(record.name, readers);
                Ok(Entry { name: record.name, key: record.key, body, readers })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let key = events.first().map_or("", |entry| entry.key);
        let erasing = tombstones.iter().filter(|event| event.topic() == name);
        events.extend(erasing.map(|event| Entry {
            name: event.name(),
            key,
            body: None,
            readers: who_reads(event.name(), readers),
        }));
        let owner = storectl::schemas::OWNERS.iter().find(|(topic, _)| *topic == name);
        let (_, owner) = owner.with_context(|| format!("the topic {name} has no owner"))?;
        let specs = storectl::topics::specs("", storectl::topics::PARTITIONS);
        let config = specs.into_iter().find(|spec| spec.name == name).map(|spec| spec.config);
        Ok(Self {
            name,
            about: events::topics::about(name),
            owner,
            config: config.unwrap_or_default(),
            events,
        })
    }
}

impl Entry {
    /// Name without namespace.
    pub(super) fn short(&self) -> &'static str {
        short(self.name)
    }
}

impl Written {
    fn read(schemas: &Path, record: &Record) -> anyhow::Result<Self> {
        let schema: Value = serde_json::from_str(record.schema_text)?;
        let folder = schemas.join("published").join(record.topic).join(short(record.name));
        let mut versions = Vec::new();
        let mut before: Option<Value> = None;
        for number in 1.. {
            let file = folder.join(format!("{number}.avsc"));
            if !file.exists() {
                break;
            }
            let published = json(&file)?;
            let added = before.as_ref().map(|before| added(before, &published)).unwrap_or_default();
            versions.push(Version { number: Some(number), added });
            before = Some(published);
        }
        if before.as_ref() != Some(&schema) {
            let added = before.as_ref().map(|before| added(before, &schema)).unwrap_or_default();
            versions.push(Version { number: None, added });
        }
        Ok(Self { schema, example: json(&example_file(schemas, record))?, versions })
    }
}

fn who_reads(event: &str, readers: &[Reader]) -> Vec<&'static str> {
    readers.iter().filter(|reader| reader.events.contains(event)).map(|reader| reader.service).collect()
}

/// What `newer` has and `older` had not.
fn added(older: &Value, newer: &Value) -> Vec<String> {
    let had: BTreeSet<String> = shape::parts(older).into_iter().collect();
    shape::parts(newer).into_iter().filter(|part| !had.contains(part)).collect()
}

/// The example, as every reader gets it.
fn sample(schemas: &Path, record: &Record) -> anyhow::Result<Event> {
    let file = example_file(schemas, record);
    let example = json(&file)?;
    let schema = Schema::parse_str(record.schema_text)?;
    let misfit = || format!("{} does not fit its schema: run `make schemas`", file.display());
    let value =
        Avro::try_from(example.clone()).and_then(|value| value.resolve(&schema)).with_context(misfit)?;
    let datum =
        GenericDatumWriter::builder(&schema).build()?.write_value_to_vec(value).with_context(misfit)?;
    let key =
        example[record.key].as_str().ok_or_else(|| anyhow!("{} lacks {}", file.display(), record.key))?;
    Event::decode(record.topic, key, &schema, &datum).with_context(misfit)
}

fn example_file(schemas: &Path, record: &Record) -> PathBuf {
    schemas.join(record.topic).join(format!("{}.example.json", short(record.name)))
}

fn json(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}

pub(super) fn short(name: &'static str) -> &'static str {
    name.rsplit('.').next().unwrap_or(name)
}
