//! Stories and views as JSON.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::known::{self, Diff, View};
use super::moment::Cut;
use super::story::{Step, Story};

pub fn story(story: &Story, out: &mut impl Write) -> io::Result<()> {
    let parked = story.parked.iter().map(|(service, letter)| {
        let mut letter = serde_json::to_value(letter).unwrap_or_default();
        letter["service"] = service.name().into();
        letter
    });
    let read = story.stretches.iter().map(|stretch| {
        json!({"topic": stretch.topic, "partition": stretch.partition, "begin": stretch.begin, "end": stretch.end,
               "records": stretch.records})
    });
    let document = json!({
        "order_id": story.order_id,
        "events": story.steps.iter().enumerate().map(|(index, one)| step(story, index + 1, one)).collect::<Vec<_>>(),
        "state": services(&known::now(story)),
        "trace_ids": story.traces(),
        "parked": parked.collect::<Vec<_>>(),
        "notes": story.notes,
        "read": read.collect::<Vec<_>>(),
    });
    writeln!(out, "{document:#}")
}

pub fn view(story: &Story, view: &View, out: &mut impl Write) -> io::Result<()> {
    let document = json!({"order_id": story.order_id, "at": moment(story, view), "services": services(view)});
    writeln!(out, "{document:#}")
}

pub fn diff(story: &Story, diff: &Diff, out: &mut impl Write) -> io::Result<()> {
    let changes = diff.changes().into_iter().map(|change| {
        json!({"service": change.service, "field": change.field, "before": change.before, "after": change.after})
    });
    let changes = changes.collect::<Vec<_>>();
    let document = json!({
        "order_id": story.order_id, "before": moment(story, &diff.before), "after": moment(story, &diff.after),
        "events": diff.numbers(), "changes": changes,
    });
    writeln!(out, "{document:#}")
}

fn step(story: &Story, number: usize, step: &Step) -> Value {
    let error = step.event.as_ref().err();
    json!({
        "number": number, "cause": story.cause(step), "time": step.time, "service": step.service, "event": step.name,
        "topic": step.topic, "partition": step.partition, "offset": step.offset, "repeats": step.repeats,
        "event_id": step.event_id, "causation_id": step.causation, "sequence": step.sequence,
        "trace_id": step.trace_id, "says": step.says, "error": error,
    })
}

fn moment(story: &Story, view: &View) -> Value {
    let event = match view.cut {
        Cut::First(count) => story.steps.get(count.wrapping_sub(1)).and_then(|step| step.event_id),
        Cut::Time(_) => None,
    };
    json!({"time": view.cut.time(story), "event_id": event, "events": view.numbers})
}

fn services(view: &View) -> Value {
    let one = |known: &known::Knowledge| {
        let fields: Map<String, Value> =
            known.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
        (known.service.to_owned(), json!({"knows": fields, "perhaps_not_read": known.perhaps}))
    };
    Value::Object(view.services.iter().map(one).collect())
}
