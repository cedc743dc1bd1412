//! A record on the wire: Confluent framing (magic byte, schema id, Avro datum) and CloudEvents headers
//! (Kafka protocol binding, binary mode).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kernel::Event;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Headers, Message, OwnedHeaders};

use crate::TraceContext;
use crate::core::batch::{Content, Record};
use crate::core::record::{self, Raw, SOURCE};
use crate::core::writer::Writer;
use crate::postgres::outbox::OutboxRow;
use crate::registry::{Registry, RegistryError};

/// Copies a message out of the client's memory.
pub fn copy(message: &BorrowedMessage<'_>) -> Raw {
    let headers = message.headers();
    Raw {
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.map(|all| (0..all.count()).map(|at| header(all, at)).collect()).unwrap_or_default(),
        timestamp_ms: message.timestamp().to_millis(),
    }
}

/// The client panics at a name that is not UTF-8. Such a header is nobody's, and its record may be a good one.
fn header(headers: &BorrowedHeaders, at: usize) -> (String, Option<Vec<u8>>) {
    let read = catch_unwind(AssertUnwindSafe(|| {
        let header = headers.get(at);
        (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
    }));
    read.unwrap_or_else(|_| (char::REPLACEMENT_CHARACTER.to_string(), None))
}

/// Reads a record as an event. `Err` is an outage of the registry; anything wrong with the record itself is its content.
pub async fn decode<E: Event>(
    registry: &Registry,
    topic: &str,
    raw: &Raw,
) -> Result<Record<E>, RegistryError> {
    let content = match raw.schema_id() {
        None => record::read(topic, raw, None),
        Some(id) => match asked_twice(registry, id).await? {
            Ok(writer) => record::read(topic, raw, Some(&writer)),
            Err(reason) => Content::Undecodable(reason),
        },
    };
    Ok(Record::of(raw.offset, raw.key.clone(), content))
}

/// The inner `Err`: there is no such schema, or none an event can have.
async fn asked_twice(registry: &Registry, id: u32) -> Result<Result<Arc<Writer>, String>, RegistryError> {
    let twice = match registry.writer(id).await {
        Err(RegistryError::UnknownId(_)) => registry.writer(id).await,
        other => other,
    };
    match twice {
        Ok(writer) => Ok(Ok(writer)),
        Err(error @ (RegistryError::UnknownId(_) | RegistryError::NotARecord { .. })) => {
            Ok(Err(error.to_string()))
        }
        Err(error @ (RegistryError::Away(_) | RegistryError::NotRegistered(_))) => Err(error),
    }
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
