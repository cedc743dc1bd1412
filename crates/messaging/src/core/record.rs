//! A record as it stands in the log, and what it says. Pure: whatever bytes there are, it comes to one of three contents.

use std::panic::{AssertUnwindSafe, catch_unwind};

use apache_avro::reader::datum::GenericDatumReader;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::{DecodeError, Event, EventId, Timestamp};
use uuid::Uuid;

use super::batch::Content;
use super::chain;
use super::panic;
use super::writer::Writer;
use crate::{Metadata, Received, TraceContext};

/// Before the service's name in `ce_source`.
pub const SOURCE: &str = "/counterflow/";
/// What rides beside every event, after the Kafka binding of CloudEvents: each header with what it says, and whether every
/// record has it.
pub const HEADERS: [(&str, &str, bool); 12] = [
    ("ce_specversion", "The version of CloudEvents: 1.0.", true),
    ("ce_id", "The id of the event, a UUID. A repeat has the same.", true),
    ("ce_source", "Who published it: /counterflow/ and the name of the service.", true),
    ("ce_type", "The full name of the record.", true),
    ("ce_time", "When it happened, RFC 3339 in UTC.", true),
    ("ce_subject", "The key of the record.", true),
    ("ce_correlationid", "The order it belongs to; the key, where there is none.", true),
    ("ce_sequence", "1, 2, 3… of the key on this topic: a reader drops what it has and reports a gap.", true),
    ("ce_dataschema", "Where the registry has the schema it was written with; not on a null value.", false),
    ("content-type", "application/avro; not on a null value.", false),
    (
        "ce_causationid",
        "The id of the event that caused it; not on what a caller or a deadline caused.",
        false,
    ),
    ("traceparent", "The trace it belongs to, as W3C writes it; `tracestate` may stand beside.", false),
];
/// The first byte of the Confluent wire format; the schema's id follows, big endian, then the datum.
const MAGIC: u8 = 0;
const FRAME: usize = 5;
/// Before a header of a dead letter that is no text, or looks like one of these.
const BASE64: &str = "base64:";
/// Headers are passed on to what an event makes happen: were one as long as a record may be, the next could not be sent.
const HEADER_BYTES_MAX: usize = 512;

/// A record as it was read, taken out of the client's memory.
#[derive(Clone, Debug)]
pub struct Raw {
    /// Where it stands.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order, also repeated ones.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// When the broker or the producer stamped it, in milliseconds.
    pub timestamp_ms: Option<i64>,
}

impl Raw {
    /// The one valid value of a header: a line of text. Any other is as if it were not there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (Some((_, Some(value))), None) => text(value),
            _ => None,
        }
    }

    /// `ce_id`, when there is exactly one and it is a UUID.
    pub fn event_id(&self) -> Option<EventId> {
        self.header("ce_id").and_then(|text| Uuid::try_parse(text).ok()).map(EventId)
    }

    /// `ce_source` without what all services share.
    pub fn source(&self) -> &str {
        self.header("ce_source").map_or("?", |source| source.strip_prefix(SOURCE).unwrap_or(source))
    }

    /// The headers for the dead letter.
    pub fn headers_json(&self) -> serde_json::Value {
        let one = |(key, value): &(String, Option<Vec<u8>>)| {
            let text = value.as_ref().map(|bytes| match std::str::from_utf8(bytes) {
                Ok(text) if !text.contains('\0') && !text.starts_with(BASE64) => text.to_owned(),
                _ => format!("{BASE64}{}", STANDARD.encode(bytes)),
            });
            serde_json::json!([key.replace('\0', ""), text])
        };
        self.headers.iter().map(one).collect()
    }

    /// The headers of a dead letter, as they were in the log.
    pub fn headers_of(letter: &serde_json::Value) -> Vec<(String, Option<Vec<u8>>)> {
        let one = |header: &serde_json::Value| {
            let value = header[1].as_str().map(|text| {
                let bytes = text.strip_prefix(BASE64).and_then(|encoded| STANDARD.decode(encoded).ok());
                bytes.unwrap_or_else(|| text.as_bytes().to_vec())
            });
            (header[0].as_str().unwrap_or_default().to_owned(), value)
        };
        letter.as_array().into_iter().flatten().map(one).collect()
    }

    /// When the broker or the producer stamped it.
    pub fn stamped_at(&self) -> Option<Timestamp> {
        self.timestamp_ms.and_then(|ms| Timestamp::from_micros(ms.saturating_mul(1_000)))
    }

    /// When what it says happened, as far as anybody knows.
    pub fn time(&self) -> Timestamp {
        let said = self.header("ce_time").and_then(Timestamp::parse);
        said.or_else(|| self.stamped_at()).unwrap_or(Timestamp::EPOCH)
    }

    /// The trace it belongs to.
    pub fn trace(&self) -> TraceContext {
        TraceContext {
            traceparent: self.header("traceparent").map(ToOwned::to_owned),
            tracestate: self.header("tracestate").map(ToOwned::to_owned),
        }
    }

    /// The id of the schema it says it was written with; `None` where no schema makes an event of it.
    pub fn schema_id(&self) -> Option<u32> {
        self.key.as_deref().filter(|key| std::str::from_utf8(key).is_ok())?;
        match self.value.as_deref()? {
            [MAGIC, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
            _ => None,
        }
    }

    fn metadata(&self, id: EventId, key: &str) -> Metadata {
        Metadata {
            id,
            time: self.time(),
            sequence: self
                .header("ce_sequence")
                .and_then(|text| text.parse().ok())
                .filter(|n| *n > 0)
                .unwrap_or(0),
            correlation: self.header("ce_correlationid").unwrap_or(key).to_owned(),
            causation: self.header("ce_causationid").and_then(|text| Uuid::try_parse(text).ok()).map(EventId),
            trace: self.trace(),
        }
    }
}

fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    (text.len() <= HEADER_BYTES_MAX && !text.contains(char::is_control)).then_some(text)
}

/// What `raw` says when it is read with `writer`, the schema of its [`Raw::schema_id`].
pub fn read<E: Event>(topic: &str, raw: &Raw, writer: Option<&Writer>) -> Content<E> {
    // Bytes at which a decoder panics are no event.
    let read = catch_unwind(AssertUnwindSafe(|| event(topic, raw, writer)));
    let read = read.unwrap_or_else(|panic| {
        Err(Trouble::Undecodable(format!("the decoder panicked: {}", panic::said(&*panic))))
    });
    match read {
        Ok(received) => Content::Event(Box::new(received)),
        Err(Trouble::Unknown(name)) => Content::Unknown(name),
        Err(Trouble::Undecodable(reason)) => Content::Undecodable(reason),
    }
}

/// What `raw` says by the schema it was written with, for people; `None` when it does not fit that schema.
pub fn as_json(raw: &Raw, writer: &Writer) -> Option<serde_json::Value> {
    let mut datum = raw.value.as_deref()?.get(FRAME..)?;
    let read = catch_unwind(AssertUnwindSafe(|| {
        let reader = GenericDatumReader::builder(&writer.schema).build().ok()?;
        let value = reader.read_value(&mut datum).ok()?;
        serde_json::Value::try_from(value).ok()
    }));
    read.ok().flatten()
}

enum Trouble {
    Unknown(String),
    Undecodable(String),
}

fn event<E: Event>(topic: &str, raw: &Raw, writer: Option<&Writer>) -> Result<Received<E>, Trouble> {
    let bad = |reason: &str| Trouble::Undecodable(reason.to_owned());
    let key = raw.key.as_deref().ok_or_else(|| bad("no key"))?;
    let key = std::str::from_utf8(key).map_err(|_| bad("the key is not UTF-8"))?;
    let decoded = match (raw.value.as_deref(), writer) {
        (None, _) => E::decode_tombstone(topic, key),
        (Some(value), Some(writer)) if raw.schema_id().is_some() => {
            if E::schema_of(&writer.record).is_none() {
                return Err(Trouble::Unknown(writer.record.clone()));
            }
            E::decode(topic, key, &writer.schema, &value[FRAME..])
        }
        (Some(_), _) => return Err(bad("the value is not in the Confluent wire format")),
    };
    let event = decoded.map_err(|error| match error {
        DecodeError::UnknownEvent(name) => Trouble::Unknown(name),
        error => Trouble::Undecodable(chain(&error)),
    })?;
    let id = raw.event_id().ok_or_else(|| bad("not exactly one valid ce_id header"))?;
    Ok(Received { metadata: raw.metadata(id, key), event })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_a_dead_letter_are_those_of_the_record() {
        let values =
            [Some(b"text".to_vec()), None, Some(vec![0xff, 0]), Some(b"base64:text".to_vec()), Some(vec![])];
        let headers: Vec<_> = values.into_iter().map(|value| ("name".to_owned(), value)).collect();
        let raw = Raw { offset: 0, key: None, value: None, headers: headers.clone(), timestamp_ms: None };
        assert_eq!(Raw::headers_of(&raw.headers_json()), headers);
    }
}
