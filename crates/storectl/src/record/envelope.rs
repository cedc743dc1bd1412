//! A record of a container file: where and when it stood in the log, and the event by its own schema.

use anyhow::{Context as _, bail, ensure};
use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use events::{Event, topics};
use kernel::{EventId, Timestamp};
use messaging::{Metadata, Received, TraceContext};
use serde_json::json;
use uuid::Uuid;

use super::as_written::AsWritten;

/// A recorded event, as today's code reads it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Topic without prefix.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The event and what travelled beside it; no trace.
    pub received: Received<Event>,
}

/// Where a record stood.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Topic without prefix.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// The schema of a file of events that were written with `event`.
pub fn schema(event: &Schema) -> anyhow::Result<Schema> {
    let field = |name: &str, doc: &str, of: serde_json::Value| json!({"name": name, "doc": doc, "type": of});
    let time = json!({"type": "long", "logicalType": "timestamp-micros"});
    let schema = json!({
        "type": "record", "name": "Recorded", "namespace": "counterflow.recorded",
        "doc": "An event as it stood in the log.",
        "fields": [
            field("topic", "The topic, without prefix.", json!("string")),
            field("partition", "The partition.", json!("int")),
            field("offset", "The offset in the partition.", json!("long")),
            field("key", "The key of the record.", json!("string")),
            field("id", "ce_id.", json!("string")),
            field("time", "ce_time.", time),
            field("sequence", "ce_sequence; 0 when there was none.", json!("long")),
            field("correlation", "ce_correlationid.", json!("string")),
            field("causation", "ce_causationid.", json!(["null", "string"])),
            field("event", "What happened, by the schema it was written with.", json!(event)),
        ],
    });
    Schema::parse(&schema).context("cannot put the schema of an event into that of a file")
}

/// A record of such a file.
pub fn pack(place: Place<'_>, received: Received<AsWritten>) -> Value {
    let Received { event, metadata } = received;
    let text = |text: &dyn ToString| Value::String(text.to_string());
    let causation = metadata.causation.map_or_else(
        || Value::Union(0, Box::new(Value::Null)),
        |id| Value::Union(1, Box::new(Value::String(id.to_string()))),
    );
    let fields = [
        ("topic", text(&place.topic)),
        ("partition", Value::Int(place.partition)),
        ("offset", Value::Long(place.offset)),
        ("key", text(&kernel::Event::key(&event))),
        ("id", text(&metadata.id)),
        ("time", Value::TimestampMicros(metadata.time.as_micros())),
        ("sequence", Value::Long(metadata.sequence)),
        ("correlation", text(&metadata.correlation)),
        ("causation", causation),
        ("event", event.value),
    ];
    Value::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

/// Reads such a record by today's types: the event is decoded as a service decodes it, from the schema it was written with.
pub fn unpack(schema: &Schema, value: Value) -> anyhow::Result<Recorded> {
    let Schema::Record(envelope) = schema else { bail!("the file has no records") };
    let writer = envelope.fields.iter().find(|field| field.name == "event").context("it has no events")?;
    let Value::Record(fields) = value else { bail!("a value is no record") };
    let mut fields: std::collections::BTreeMap<String, Value> = fields.into_iter().collect();
    let mut take = |name: &str| fields.remove(name).with_context(|| format!("the field {name} is missing"));
    let topic = text(take("topic")?)?;
    let topic = topics::ALL.iter().find(|known| **known == topic).context("its topic is not known here")?;
    let (Value::Int(partition), Value::Long(offset)) = (take("partition")?, take("offset")?) else {
        bail!("partition and offset are no numbers")
    };
    let (Value::TimestampMicros(time), Value::Long(sequence)) = (take("time")?, take("sequence")?) else {
        bail!("time and sequence are no numbers")
    };
    let causation = match take("causation")? {
        Value::Union(_, inner) if *inner == Value::Null => None,
        Value::Union(_, inner) => Some(id(*inner)?),
        _ => bail!("the cause is no id"),
    };
    let metadata = Metadata {
        id: id(take("id")?)?,
        time: Timestamp::from_micros(time).context("the time is beyond all times")?,
        sequence,
        correlation: text(take("correlation")?)?,
        causation,
        trace: TraceContext::default(),
    };
    let (key, event) = (text(take("key")?)?, take("event")?);
    let datum = GenericDatumWriter::builder(&writer.schema).build()?.write_value_to_vec(event)?;
    let event = <Event as kernel::Event>::decode(topic, &key, &writer.schema, &datum)?;
    ensure!(kernel::Event::topic(&event) == *topic, "an event of another topic");
    Ok(Recorded { topic, partition, offset, received: Received { event, metadata } })
}

fn text(value: Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text),
        _ => bail!("a field is no text"),
    }
}

fn id(value: Value) -> anyhow::Result<EventId> {
    Ok(EventId(Uuid::try_parse(&text(value)?).context("an id is no UUID")?))
}
