//! A record on the wire: Confluent framing (magic byte, schema id, Avro datum) and CloudEvents headers
//! (Kafka protocol binding, binary mode).

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use kernel::{DecodeError, Event, EventId, Timestamp};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use uuid::Uuid;

use crate::core::batch::{Content, Record};
use crate::core::panic;
use crate::postgres::outbox::OutboxRow;
use crate::registry::{Registry, RegistryError};
use crate::{Metadata, Received, TraceContext};

/// Before the service's name in `ce_source`.
const SOURCE: &str = "/counterflow/";

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
    /// Copies a message.
    pub fn copy(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map(|headers| {
            headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
        });
        Self {
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
            timestamp_ms: message.timestamp().to_millis(),
        }
    }

    /// The one valid value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (Some((_, Some(value))), None) => std::str::from_utf8(value).ok(),
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
                Ok(text) if !text.contains('\0') => text.to_owned(),
                _ => format!("base64:{}", STANDARD.encode(bytes)),
            });
            serde_json::json!([key.replace('\0', ""), text])
        };
        self.headers.iter().map(one).collect()
    }

    /// The trace it belongs to.
    pub fn trace(&self) -> TraceContext {
        TraceContext {
            traceparent: self.header("traceparent").map(ToOwned::to_owned),
            tracestate: self.header("tracestate").map(ToOwned::to_owned),
        }
    }

    fn metadata(&self, id: EventId, key: &str) -> Metadata {
        let time = self.header("ce_time").and_then(Timestamp::parse);
        let stamped = || self.timestamp_ms.and_then(|ms| Timestamp::from_micros(ms.saturating_mul(1_000)));
        Metadata {
            id,
            time: time.or_else(stamped).unwrap_or(Timestamp::EPOCH),
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

/// Reads a record as an event. `Err` is an outage of the registry; anything wrong with the record itself is its content,
/// also bytes at which a decoder panics.
pub async fn decode<E: Event>(
    registry: &Registry,
    topic: &str,
    raw: &Raw,
) -> Result<Record<E>, RegistryError> {
    let read = AssertUnwindSafe(read(registry, topic, raw)).catch_unwind().await;
    let read = read.unwrap_or_else(|panic| {
        Err(Trouble::Undecodable(format!("the decoder panicked: {}", panic::said(&*panic))))
    });
    let content = match read {
        Ok(received) => Content::Event(Box::new(received)),
        Err(Trouble::Away(error)) => return Err(error),
        Err(Trouble::Unknown(name)) => Content::Unknown(name),
        Err(Trouble::Undecodable(reason)) => Content::Undecodable(reason),
    };
    Ok(Record { offset: raw.offset, key: raw.key.clone(), content })
}

enum Trouble {
    Away(RegistryError),
    Unknown(String),
    Undecodable(String),
}

async fn read<E: Event>(registry: &Registry, topic: &str, raw: &Raw) -> Result<Received<E>, Trouble> {
    let bad = |reason: &str| Trouble::Undecodable(reason.to_owned());
    let key = raw.key.as_deref().ok_or_else(|| bad("no key"))?;
    let key = std::str::from_utf8(key).map_err(|_| bad("the key is not UTF-8"))?;
    let decoded = match raw.value.as_deref() {
        None => E::decode_tombstone(topic, key),
        Some([0, a, b, c, d, datum @ ..]) => {
            let id = u32::from_be_bytes([*a, *b, *c, *d]);
            let writer = asked_twice(registry, id).await?;
            if E::schema_of(&writer.record).is_none() {
                return Err(Trouble::Unknown(writer.record.clone()));
            }
            E::decode(topic, key, &writer.schema, datum)
        }
        Some(_) => return Err(bad("the value is not in the Confluent wire format")),
    };
    let event = decoded.map_err(|error| match error {
        DecodeError::UnknownEvent(name) => Trouble::Unknown(name),
        error => Trouble::Undecodable(chain(&error)),
    })?;
    let id = raw.event_id().ok_or_else(|| bad("not exactly one valid ce_id header"))?;
    Ok(Received { metadata: raw.metadata(id, key), event })
}

async fn asked_twice(
    registry: &Registry,
    id: u32,
) -> Result<std::sync::Arc<crate::registry::Writer>, Trouble> {
    let twice = match registry.writer(id).await {
        Err(RegistryError::UnknownId(_)) => registry.writer(id).await,
        other => other,
    };
    twice.map_err(|error| match error {
        RegistryError::UnknownId(_) | RegistryError::NotARecord { .. } => {
            Trouble::Undecodable(error.to_string())
        }
        RegistryError::Away(_) | RegistryError::NotRegistered(_) => Trouble::Away(error),
    })
}

/// An error with all its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The value of an outbox row on the wire.
pub fn framed(schema_id: u32, datum: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(5 + datum.len());
    value.push(0);
    value.extend(schema_id.to_be_bytes());
    value.extend(datum);
    value
}

/// The headers of an outbox row that is sent in the span `trace`.
pub fn headers(
    service: &str,
    row: &OutboxRow,
    trace: TraceContext,
    data_schema: Option<&str>,
) -> OwnedHeaders {
    let mut fields: BTreeMap<&str, String> = BTreeMap::new();
    fields.insert("ce_specversion", "1.0".into());
    fields.insert("ce_id", row.event_id.to_string());
    fields.insert("ce_source", format!("{SOURCE}{service}"));
    fields.insert("ce_type", row.record.clone());
    fields.insert("ce_time", row.time.to_string());
    fields.insert("ce_subject", row.key.clone());
    fields.insert("ce_correlationid", row.correlation.clone());
    fields.insert("ce_sequence", row.sequence.to_string());
    let optional = [
        ("ce_dataschema", data_schema.map(ToOwned::to_owned)),
        ("content-type", data_schema.map(|_| "application/avro".to_owned())),
        ("ce_causationid", row.causation.map(|id| id.to_string())),
        ("traceparent", trace.traceparent),
        ("tracestate", trace.tracestate),
    ];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let empty = OwnedHeaders::new_with_capacity(fields.len());
    fields.iter().fold(empty, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}
