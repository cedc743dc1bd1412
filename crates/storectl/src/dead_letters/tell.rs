//! Tells of them, to people and to tools.

use std::io::{self, Write};

use messaging::dead_letters::{Asked, Progress, Summary, What, Whole};
use serde_json::{Value, json};

use super::Keeper;

/// Letters told one by one before something is done with them.
const TOLD_MAX: usize = 20;
const REASON_CHARACTERS_MAX: usize = 80;
/// What somebody could pay with.
const SECRET: &str = "payment_token";
/// The topic that says who somebody is: of its events only the id is shown.
const PERSONAL: &str = "customers";
const MASK: &str = "***";

pub(super) fn list(listed: &[(Keeper, Vec<Summary>)], json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        let items = listed.iter().flat_map(|(service, letters)| {
            letters
                .iter()
                .map(|letter| with_service(service, serde_json::to_value(letter).unwrap_or_default()))
        });
        return writeln!(out, "{:#}", json!({"items": items.collect::<Vec<_>>()}));
    }
    for (service, letters) in listed {
        for letter in letters {
            writeln!(out, "{:<9} {}", service.name(), line(letter))?;
        }
    }
    let count: usize = listed.iter().map(|(_, letters)| letters.len()).sum();
    writeln!(out, "{count} dead letters")
}

fn line(letter: &Summary) -> String {
    let Summary { id, topic, partition, offset, kind, parked_at, attempts, state, .. } = letter;
    let key = letter.key.as_deref().unwrap_or("-");
    let record = letter.record.as_deref().unwrap_or("-");
    let reason: String = letter.reason.chars().take(REASON_CHARACTERS_MAX).collect();
    let state = if state == "parked" { String::new() } else { format!(" [{state}]") };
    format!(
        "{id:>6} {topic}/{partition}/{offset} {key} {record} {kind}{state}, {attempts} tries, since {parked_at}: {}",
        reason.replace(char::is_control, " ")
    )
}

pub(super) fn show(service: &Keeper, whole: &Whole, json: bool, out: &mut impl Write) -> io::Result<()> {
    let mut whole = whole.clone();
    whole.event = whole.event.map(|event| masked(&whole.summary.topic, event));
    if json {
        let document = with_service(service, serde_json::to_value(&whole).unwrap_or_default());
        return writeln!(out, "{document:#}");
    }
    let Summary {
        id,
        topic,
        partition,
        offset,
        key,
        event_id,
        record,
        kind,
        reason,
        attempts,
        parked_at,
        state,
    } = &whole.summary;
    writeln!(out, "{} {id}, {state}", service.name())?;
    writeln!(out, "at:       {topic}/{partition}/{offset}, key {}", key.as_deref().unwrap_or("none"))?;
    let (record, event_id) = (record.as_deref().unwrap_or("unknown"), event_id.as_deref().unwrap_or("none"));
    writeln!(out, "record:   {record}, event {event_id}")?;
    writeln!(out, "parked:   {parked_at}, {kind}, {attempts} tries")?;
    writeln!(out, "reason:   {reason}")?;
    for header in whole.headers.as_array().into_iter().flatten() {
        let value = header[1].as_str().unwrap_or("null");
        writeln!(out, "header:   {}: {value}", header[0].as_str().unwrap_or_default())?;
    }
    match (&whole.event, &whole.value) {
        (Some(event), _) => writeln!(out, "event:    {event:#}")?,
        (None, Some(value)) => writeln!(out, "event:    cannot be told; {} bytes", value.len())?,
        (None, None) => writeln!(out, "event:    a null value")?,
    }
    for taken in &whole.actions {
        let (outcome, why) = (taken.outcome.as_deref().unwrap_or("not yet"), taken.why.as_deref());
        let why = why.map_or(String::new(), |why| format!(", because: {why}"));
        let detail = taken.detail.as_ref().map_or(String::new(), |detail| format!(" ({detail})"));
        writeln!(
            out,
            "action {}: {} by {} at {}{why} → {outcome}{detail}",
            taken.action, taken.kind, taken.who, taken.requested_at
        )?;
    }
    Ok(())
}

pub(super) fn would(
    service: &Keeper,
    what: What,
    asked: &Asked,
    json: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if json {
        let document = json!({"service": service.name(), "would": verb(what), "letters": asked.letters});
        return writeln!(out, "{document:#}");
    }
    writeln!(out, "{} would {} {} dead letters:", service.name(), verb(what), asked.letters.len())?;
    for letter in asked.letters.iter().take(TOLD_MAX) {
        writeln!(out, "{}", line(letter))?;
    }
    match asked.letters.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        Some(more) => writeln!(out, "and {more} more"),
        None => Ok(()),
    }
}

pub(super) fn outcome(
    service: &Keeper,
    what: What,
    asked: &Asked,
    progress: &Progress,
    json: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let action = asked.action.unwrap_or_default();
    if json {
        let document = json!({"service": service.name(), "action": action, "kind": verb(what),
                              "letters": asked.letters.len(), "progress": progress});
        return writeln!(out, "{document:#}");
    }
    let Progress { redriven, discarded, failed, behind, gone, open, .. } = progress;
    writeln!(
        out,
        "{} {} {action}: {redriven} redriven, {discarded} discarded, {failed} still fail, {behind} stay behind them, {gone} were settled by others, {open} to be done",
        service.name(),
        verb(what)
    )?;
    for stays in &progress.stay {
        let detail = stays.detail.as_deref().unwrap_or_default().replace(char::is_control, " ");
        writeln!(out, "  {} {}: {detail}", stays.letter, stays.outcome)?;
    }
    if !progress.done {
        writeln!(out, "not done yet: the request is kept, and {} does it when it runs", service.name())?;
    }
    Ok(())
}

fn verb(what: What) -> &'static str {
    match what {
        What::Redrive => "redrive",
        What::Discard => "discard",
    }
}

fn with_service(service: &Keeper, mut document: Value) -> Value {
    document["service"] = service.name().into();
    document
}

/// An event without what nobody should read in a terminal: a payment token anywhere, and who a customer is.
pub fn masked(topic: &str, event: Value) -> Value {
    let hidden = |name: &str| name == SECRET || (topic == PERSONAL && name != "customer_id");
    match event {
        Value::Object(fields) => {
            let mask = |(name, value): (String, Value)| {
                let value = if hidden(&name) { MASK.into() } else { masked(topic, value) };
                (name, value)
            };
            Value::Object(fields.into_iter().map(mask).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| masked(topic, item)).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_who_somebody_is_are_not_shown() {
        let order = json!({"order_id": "1", "payment_token": "tok", "lines": [{"payment_token": "tok"}]});
        let wanted = json!({"order_id": "1", "payment_token": "***", "lines": [{"payment_token": "***"}]});
        assert_eq!(masked("orders", order), wanted);
        let customer = json!({"customer_id": "1", "name": "A", "email": {"string": "a@b"}});
        let wanted = json!({"customer_id": "1", "name": "***", "email": "***"});
        assert_eq!(masked("customers", customer), wanted);
    }
}
