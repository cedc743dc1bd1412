//! The events of one order, causes before effects.

use std::collections::BTreeMap;

use events::Event;
use kernel::{EventId, OrderId, Timestamp};
use messaging::Received;
use messaging::dead_letters::Summary;
use messaging::log::trail::{Found, Stretch};
use serde_json::Value;

use crate::dead_letters::{Service, masked};

/// All that is known of one order.
#[derive(Clone, Debug)]
pub struct Story {
    /// Which.
    pub order_id: OrderId,
    /// Causes before effects, else by time; numbered from 1.
    pub steps: Vec<Step>,
    /// Records of the order that services could not handle.
    pub parked: Vec<(Service, Summary)>,
    /// What a reader should know of how it was found.
    pub notes: Vec<String>,
    /// What of the log was read.
    pub stretches: Vec<Stretch>,
}

/// One event, where it stands in the log.
#[derive(Clone, Debug)]
pub struct Step {
    /// Topic without prefix.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// Offset; of the first, when it was sent more than once.
    pub offset: i64,
    /// How often it was sent again.
    pub repeats: usize,
    /// The service that wrote it.
    pub service: String,
    /// The record's name without its namespace.
    pub name: String,
    /// When it was decided.
    pub time: Timestamp,
    /// `ce_id`.
    pub event_id: Option<EventId>,
    /// `ce_causationid`.
    pub causation: Option<EventId>,
    /// `ce_sequence`; 0 when there is none.
    pub sequence: i64,
    /// Of `traceparent`.
    pub trace_id: Option<String>,
    /// What it says, without what nobody should read.
    pub says: Option<Value>,
    /// The event, or why it is none.
    pub event: Result<Box<Received<Event>>, String>,
}

impl Step {
    /// Of a record.
    pub fn of(found: Found<Event>) -> Self {
        let Found { topic, partition, raw, record, says, event } = found;
        let full = record.as_deref().unwrap_or("unknown");
        Self {
            topic,
            partition,
            offset: raw.offset,
            repeats: 0,
            service: raw.source().to_owned(),
            name: full.rsplit('.').next().unwrap_or(full).to_owned(),
            time: raw.time(),
            event_id: raw.event_id(),
            causation: raw.header("ce_causationid").and_then(|text| text.parse().ok()),
            sequence: event.as_ref().map_or(0, |received| received.metadata.sequence),
            trace_id: raw.trace().trace_id().map(ToOwned::to_owned),
            says: says.map(|says| masked(topic, says)),
            event,
        }
    }

    /// `topic/partition@offset`.
    pub fn place(&self) -> String {
        format!("{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

impl Story {
    /// Puts them in order; what was sent more than once becomes one step.
    pub fn new(order_id: OrderId, steps: Vec<Step>) -> Self {
        let steps = in_causal_order(once(steps));
        Self { order_id, steps, parked: Vec::new(), notes: Vec::new(), stretches: Vec::new() }
    }

    /// The number of the event that caused this step, when it is part of the story.
    pub fn cause(&self, step: &Step) -> Option<usize> {
        step.causation.and_then(|id| self.number(id))
    }

    /// The number of an event.
    pub fn number(&self, id: EventId) -> Option<usize> {
        self.steps.iter().position(|step| step.event_id == Some(id)).map(|index| index + 1)
    }

    /// Different traces, in the order in which they begin.
    pub fn traces(&self) -> Vec<&str> {
        let mut traces = Vec::new();
        for trace in self.steps.iter().filter_map(|step| step.trace_id.as_deref()) {
            if !traces.contains(&trace) {
                traces.push(trace);
            }
        }
        traces
    }
}

fn once(steps: Vec<Step>) -> Vec<Step> {
    let mut seen = BTreeMap::<EventId, usize>::new();
    let mut unique: Vec<Step> = Vec::new();
    for step in steps {
        if let Some(&first) = step.event_id.and_then(|id| seen.get(&id)) {
            unique[first].repeats += 1;
        } else {
            seen.extend(step.event_id.map(|id| (id, unique.len())));
            unique.push(step);
        }
    }
    unique
}

/// Of those whose cause has been told, and all before them in their partition, the earliest is next. Clocks of services may
/// differ: a cause comes before its effect whatever they say.
fn in_causal_order(mut open: Vec<Step>) -> Vec<Step> {
    open.sort_by(|a, b| {
        (a.time, a.topic, a.partition, a.offset).cmp(&(b.time, b.topic, b.partition, b.offset))
    });
    let mut ordered: Vec<Step> = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let is_next = |step: &Step| {
            open.iter().all(|other| {
                let causes = other.event_id.is_some() && other.event_id == step.causation;
                let precedes = (other.topic, other.partition) == (step.topic, step.partition)
                    && other.offset < step.offset;
                !causes && !precedes
            })
        };
        // None is next where forged headers make a circle: then the earliest is.
        let next = open.iter().position(is_next).unwrap_or(0);
        ordered.push(open.remove(next));
    }
    ordered
}
