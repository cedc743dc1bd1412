//! Rows of the outbox: written with the state, read and deleted by the relay.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use kernel::{Body, Event, Timestamp};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::StoreError;
use crate::core::shard_of;
use crate::outbox::Decided;
use crate::{Outgoing, TraceContext};

/// SHA-256 of a schema's text.
pub type Fingerprint = [u8; 32];

/// Fingerprints this process knows to be committed in `writer_schema`.
#[derive(Debug, Default)]
pub struct KnownSchemas(Mutex<HashSet<Fingerprint>>);

impl KnownSchemas {
    fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(fingerprint)
    }

    fn add(&self, fingerprint: Fingerprint) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(fingerprint);
    }
}

/// An unsent row.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// Row id.
    pub id: i64,
    /// Share of the outbox.
    pub shard: i16,
    /// Topic without prefix.
    pub topic: String,
    /// Key.
    pub key: String,
    /// `ce_id`.
    pub event_id: Uuid,
    /// Full name of the writer's schema.
    pub record: String,
    /// Of the writer's schema.
    pub fingerprint: Vec<u8>,
    /// Bare Avro; `None` is a tombstone.
    pub datum: Option<Vec<u8>>,
    /// `ce_sequence`.
    pub sequence: i64,
    /// `ce_time`.
    pub time: Timestamp,
    /// `ce_correlationid`.
    pub correlation: String,
    /// `ce_causationid`.
    pub causation: Option<Uuid>,
    /// Where its trace goes on.
    pub trace: TraceContext,
}

#[derive(Default)]
struct Columns {
    shard: Vec<i16>,
    topic: Vec<&'static str>,
    key: Vec<String>,
    event_id: Vec<Uuid>,
    record: Vec<&'static str>,
    fingerprint: Vec<Vec<u8>>,
    datum: Vec<Option<Vec<u8>>>,
    sequence: Vec<i64>,
    time: Vec<OffsetDateTime>,
    correlation: Vec<String>,
    causation: Vec<Option<Uuid>>,
    traceparent: Vec<Option<String>>,
    tracestate: Vec<Option<String>>,
}

impl Columns {
    fn push<E: Event>(
        &mut self,
        decided: &Decided<E>,
        outgoing: &Outgoing<E>,
        trace: TraceContext,
        fingerprints: &mut HashMap<&'static str, Fingerprint>,
    ) -> Result<(), StoreError> {
        let event = &outgoing.event;
        let (datum, fingerprint) = match event.encode()? {
            Body::Avro { datum, record } => {
                let text = E::schema_text_of(record).unwrap_or_default();
                let fingerprint = *fingerprints.entry(record).or_insert_with(|| Sha256::digest(text).into());
                (Some(datum), fingerprint.to_vec())
            }
            Body::Tombstone => (None, Vec::new()),
        };
        let key = event.key();
        self.shard.push(shard_of(&key, E::is_compacted(event.topic())));
        self.topic.push(event.topic());
        self.key.push(key);
        self.event_id.push(outgoing.id.0);
        self.record.push(event.name());
        self.fingerprint.push(fingerprint);
        self.datum.push(datum);
        self.sequence.push(outgoing.sequence);
        self.time.push(decided.at.into());
        self.correlation.push(event.correlation());
        self.causation.push(decided.cause.event.map(|id| id.0));
        self.traceparent.push(trace.traceparent);
        self.tracestate.push(trace.tracestate);
        Ok(())
    }
}

/// Appends the events of a batch in their order, in one statement; `traces` says where the trace of each goes on.
pub async fn insert<E: Event>(
    connection: &mut PgConnection,
    decided: &[Decided<E>],
    traces: impl IntoIterator<Item = TraceContext>,
    known: &KnownSchemas,
) -> Result<(), StoreError> {
    let mut columns = Columns::default();
    let mut fingerprints = HashMap::new();
    let events =
        decided.iter().flat_map(|one| one.effects.events.iter().map(move |outgoing| (one, outgoing)));
    for ((one, outgoing), trace) in events.zip(traces) {
        columns.push(one, outgoing, trace, &mut fingerprints)?;
    }
    if columns.key.is_empty() {
        return Ok(());
    }
    remember_schemas::<E>(connection, &fingerprints, known).await?;
    sqlx::query(
        "INSERT INTO messaging.outbox (shard, topic, key, event_id, record, fingerprint, datum, sequence, time,
                                       correlation, causation, traceparent, tracestate)
         SELECT shard, topic, key, event_id, record, fingerprint, datum, sequence, time, correlation, causation, traceparent, tracestate
         FROM unnest($1::int2[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::bytea[], $7::bytea[], $8::int8[],
                     $9::timestamptz[], $10::text[], $11::uuid[], $12::text[], $13::text[])
              WITH ORDINALITY AS row (shard, topic, key, event_id, record, fingerprint, datum, sequence, time,
                                      correlation, causation, traceparent, tracestate, n)
         ORDER BY n",
    )
    .bind(columns.shard)
    .bind(columns.topic)
    .bind(columns.key)
    .bind(columns.event_id)
    .bind(columns.record)
    .bind(columns.fingerprint)
    .bind(columns.datum)
    .bind(columns.sequence)
    .bind(columns.time)
    .bind(columns.correlation)
    .bind(columns.causation)
    .bind(columns.traceparent)
    .bind(columns.tracestate)
    .execute(connection)
    .await
    .map_err(StoreError::doing("append to the outbox"))?;
    Ok(())
}

/// Keeps the text of each schema rows are written with, so that a later build can still publish them under the right id.
async fn remember_schemas<E: Event>(
    connection: &mut PgConnection,
    fingerprints: &HashMap<&'static str, Fingerprint>,
    known: &KnownSchemas,
) -> Result<(), StoreError> {
    let mut new: Vec<_> =
        fingerprints.iter().filter(|(_, fingerprint)| !known.contains(fingerprint)).collect();
    new.sort(); // two writers insert in the same order
    for (record, fingerprint) in new {
        let done = sqlx::query(
            "INSERT INTO messaging.writer_schema (fingerprint, record, schema) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(&fingerprint[..])
        .bind(*record)
        .bind(E::schema_text_of(record).unwrap_or_default())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::doing("keep a writer's schema"))?;
        if done.rows_affected() == 0 {
            known.add(*fingerprint); // it was there already, so it is committed
        }
    }
    Ok(())
}

/// Deletes acknowledged rows and reads the next unsent ones, by id, in one round trip. What is unsent is read, never
/// "what is newer": order of ids is not order of commits.
pub async fn exchange(
    connection: &mut PgConnection,
    delete: &[i64],
    shards: &[i16],
    without: &[i64],
    limit: usize,
) -> Result<Vec<OutboxRow>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sqlx::query(
        "WITH gone AS (DELETE FROM messaging.outbox WHERE id = ANY($1))
         SELECT id, shard, topic, key, event_id, record, fingerprint, datum, sequence, time, correlation, causation,
                traceparent, tracestate
         FROM messaging.outbox
         WHERE shard = ANY($2) AND id <> ALL($3) AND id <> ALL($1)
         ORDER BY id LIMIT $4",
    )
    .bind(delete)
    .bind(shards)
    .bind(without)
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("read the outbox"))?;
    rows.iter().map(row).collect()
}

fn row(row: &PgRow) -> Result<OutboxRow, StoreError> {
    let read = || -> Result<OutboxRow, sqlx::Error> {
        Ok(OutboxRow {
            id: row.try_get("id")?,
            shard: row.try_get("shard")?,
            topic: row.try_get("topic")?,
            key: row.try_get("key")?,
            event_id: row.try_get("event_id")?,
            record: row.try_get("record")?,
            fingerprint: row.try_get("fingerprint")?,
            datum: row.try_get("datum")?,
            sequence: row.try_get("sequence")?,
            time: row.try_get::<OffsetDateTime, _>("time")?.into(),
            correlation: row.try_get("correlation")?,
            causation: row.try_get("causation")?,
            trace: TraceContext {
                traceparent: row.try_get("traceparent")?,
                tracestate: row.try_get("tracestate")?,
            },
        })
    };
    read().map_err(StoreError::doing("read a row of the outbox"))
}

/// The text of a schema rows were written with.
pub async fn writer_schema(
    connection: &mut PgConnection,
    fingerprint: &[u8],
) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar("SELECT schema FROM messaging.writer_schema WHERE fingerprint = $1")
        .bind(fingerprint)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::doing("read a writer's schema"))
}

/// How many rows wait, and since when the oldest does. Looked at often, so no more than so many are counted.
pub async fn depth(connection: &mut PgConnection) -> Result<(i64, Option<Timestamp>), StoreError> {
    let (rows, oldest): (i64, Option<OffsetDateTime>) =
        sqlx::query_as(
            "SELECT count(*), min(time) FROM (SELECT time FROM messaging.outbox ORDER BY id LIMIT 100001) AS oldest",
        )
        .fetch_one(connection)
        .await
        .map_err(StoreError::doing("measure the outbox"))?;
    Ok((rows, oldest.map(Timestamp::from)))
}
