//! What is known of every event, gathered from where it is true: schemas, examples and releases from their folder; topics and keys
//! from the typed catalogue; readers from their consumers; what brings about what from histories that the services' code plays.

use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context as _, bail};
use events::{CATALOGUE, CustomerErased, ERASED, Event, TOPICS};
use kernel::Event as _;
use serde_json::{Value as Json, json};
use simulation::causes::{self, Causes};
use storectl::schemas::{self, Described, OWNERS};

use super::readers::{Reader, readers};

/// Played once: it is what takes time here.
static CAUSES: LazyLock<Causes> = LazyLock::new(causes::of_one_order);

pub(super) struct Catalogue {
    pub(super) topics: Vec<TopicFacts>,
    /// Services that read, in the order of the store.
    pub(super) readers: Vec<&'static str>,
}

pub(super) struct TopicFacts {
    pub(super) name: &'static str,
    pub(super) about: String,
    pub(super) compacted: bool,
    pub(super) owner: &'static str,
    pub(super) events: Vec<EventFacts>,
}

pub(super) struct EventFacts {
    /// Full name of the record, also the registry's subject.
    pub(super) full_name: &'static str,
    pub(super) name: &'static str,
    pub(super) topic: &'static str,
    /// The field that is the key.
    pub(super) key: &'static str,
    pub(super) writer: &'static str,
    pub(super) readers: Vec<&'static str>,
    pub(super) about: String,
    /// `None` for a null value.
    pub(super) body: Option<Body>,
    /// What was seen to cause it; `None` is a caller, or time.
    pub(super) causes: Vec<Option<&'static str>>,
    /// What it was seen to cause.
    pub(super) effects: Vec<&'static str>,
}

pub(super) struct Body {
    pub(super) schema: Json,
    pub(super) example: Json,
    pub(super) example_text: String,
    /// The schema of each release, oldest first.
    pub(super) versions: Vec<Json>,
}

impl Catalogue {
    pub(super) fn gather(folder: &Path) -> anyhow::Result<Self> {
        let described = schemas::describe(folder).map_err(|findings| {
            let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
            anyhow::Error::msg(said.join("\n")).context("the schemas cannot be read: run `make schemas`")
        })?;
        let readers = readers();
        let topics = TOPICS.iter().map(|topic| topic_facts(topic, &described, &readers, &CAUSES));
        Ok(Self {
            topics: topics.collect::<anyhow::Result<_>>()?,
            readers: readers.iter().map(|reader| reader.service).collect(),
        })
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &EventFacts> {
        self.topics.iter().flat_map(|topic| &topic.events)
    }
}

fn topic_facts(
    topic: &events::Topic,
    described: &[Described],
    readers: &[Reader],
    causes: &Causes,
) -> anyhow::Result<TopicFacts> {
    let owner = OWNERS.iter().find(|(owned, _)| *owned == topic.name).map(|(_, owner)| *owner);
    let owner =
        owner.with_context(|| format!("nobody owns {}: name who in storectl::schemas", topic.name))?;
    let records = CATALOGUE.iter().filter(|record| record.topic == topic.name);
    let mut events = records
        .map(|record| {
            let found = described.iter().find(|one| record.name == full_name(one));
            let found = found.with_context(|| format!("{} is not among the schemas", record.name))?;
            event_facts(record, found, readers, causes)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    if Event::decode_tombstone(topic.name, ANY_CUSTOMER).is_ok() {
        events.push(erased(readers, causes)?);
    }
    for event in &mut events {
        event.writer = owner;
    }
    let (name, compacted) = (topic.name, topic.compacted);
    Ok(TopicFacts { name, about: topic.about.trim().to_owned(), compacted, owner, events })
}

const ANY_CUSTOMER: &str = "4f8f8a7e-2c1d-4e5b-9a6f-0a1b2c3d4e5f";

fn full_name(described: &Described) -> String {
    format!("counterflow.{}.{}", described.topic, described.name)
}

fn event_facts(
    record: &'static events::Record,
    found: &Described,
    readers: &[Reader],
    causes: &Causes,
) -> anyhow::Result<EventFacts> {
    let Some(key) = found.example[record.key].as_str() else {
        bail!("the example of {} has no {}, which is its key", record.name, record.key)
    };
    let schema = Event::schema_of(record.name).with_context(|| format!("{} has no schema", record.name))?;
    let example = Event::decode(record.topic, key, schema, &found.datum)
        .with_context(|| format!("the example of {} is no such event", record.name))?;
    let schema: Json = serde_json::from_str(record.schema_text)?;
    let about = schema["doc"].as_str().unwrap_or_default().to_owned();
    let (body, example_text) = (found.example.clone(), found.example_text.clone());
    let body = Body { schema, example: body, example_text, versions: found.versions.clone() };
    Ok(EventFacts { about, body: Some(body), ..facts(record.name, record.key, &example, readers, causes) })
}

fn erased(readers: &[Reader], causes: &Causes) -> anyhow::Result<EventFacts> {
    let example = Event::from(CustomerErased { customer_id: ANY_CUSTOMER.parse()? });
    let about = "The customer is erased: a null value under the customer's key, without schema and without body. \
                 Compaction then removes what was there before.";
    Ok(EventFacts { about: about.to_owned(), ..facts(ERASED, "customer_id", &example, readers, causes) })
}

fn facts(
    full_name: &'static str,
    key: &'static str,
    example: &Event,
    readers: &[Reader],
    causes: &Causes,
) -> EventFacts {
    let effects = causes.iter().filter(|(_, by)| by.contains(&Some(full_name)));
    EventFacts {
        full_name,
        name: short(full_name),
        topic: example.topic(),
        key,
        writer: "",
        readers: readers.iter().filter(|one| one.reads(example)).map(|one| one.service).collect(),
        about: String::new(),
        body: None,
        causes: causes.get(full_name).into_iter().flatten().map(|cause| cause.map(short)).collect(),
        effects: effects.map(|(effect, _)| short(effect)).collect(),
    }
}

/// The last part of a full name.
pub(super) fn short(full_name: &'static str) -> &'static str {
    full_name.rsplit('.').next().unwrap_or(full_name)
}

impl Body {
    /// Names of the fields that a release added to the one before; for the first, none.
    pub(super) fn added_by(&self, version: usize) -> Vec<String> {
        let fields = |version: usize| names(self.versions.get(version).unwrap_or(&json!({})));
        match version {
            0 => Vec::new(),
            _ => fields(version).into_iter().filter(|name| !fields(version - 1).contains(name)).collect(),
        }
    }
}

fn names(schema: &Json) -> Vec<String> {
    let fields = schema["fields"].as_array().into_iter().flatten();
    fields.filter_map(|field| field["name"].as_str().map(ToOwned::to_owned)).collect()
}
