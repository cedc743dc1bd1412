//! Parked records, in the order of the log per topic and key.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Timestamp;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::StoreError;
use crate::core::transaction::{DeadLetter, ParkedKeys};

/// Which keys have parked records, by topic; each of `keys` is one of the topic beside it.
pub async fn parked_keys(
    connection: &mut PgConnection,
    topics: &[&str],
    keys: &[&[u8]],
) -> Result<ParkedKeys, StoreError> {
    let parked: Vec<(String, Vec<u8>)> = sqlx::query_as(
        // By the hash of the key, which is what the index holds: a key may be longer than a row of an index.
        "SELECT DISTINCT topic, letter.key
         FROM messaging.dead_letter AS letter JOIN unnest($1::text[], $2::bytea[]) AS wanted (topic, key)
             USING (topic)
         WHERE state = 'parked' AND sha256(letter.key) = sha256(wanted.key) AND letter.key = wanted.key",
    )
    .bind(topics)
    .bind(keys)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("look for parked keys"))?;
    let mut by_topic = BTreeMap::<_, BTreeSet<_>>::new();
    for (topic, key) in parked {
        by_topic.entry(topic).or_default().insert(key);
    }
    Ok(by_topic)
}

/// Parks a record. The same record again (a redelivery after a lost commit) is parked once.
pub async fn insert(
    connection: &mut PgConnection,
    letter: DeadLetter<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        r#"INSERT INTO messaging.dead_letter
               (topic, partition, "offset", key, value, headers, event_id, record, kind, reason, attempts, parked_at, stamped_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
           ON CONFLICT (topic, partition, "offset") DO NOTHING"#,
    )
    .bind(letter.topic)
    .bind(letter.partition)
    .bind(letter.offset)
    .bind(letter.key)
    .bind(letter.value)
    .bind(letter.headers)
    .bind(letter.event_id.map(|id| id.0))
    .bind(letter.record)
    .bind(letter.parking.kind.as_str())
    .bind(letter.parking.reason.replace('\0', "\u{fffd}")) // Postgres takes no NUL
    .bind(i32::try_from(letter.attempts).unwrap_or(i32::MAX))
    .bind(OffsetDateTime::from(now))
    .bind(letter.stamped_at.map(OffsetDateTime::from))
    .execute(connection)
    .await
    .map_err(StoreError::doing("park a record"))?;
    Ok(())
}

/// How many records are parked, and of how many keys. Looked at often, so no more than so many are counted.
pub async fn count(connection: &mut PgConnection) -> Result<(i64, i64), StoreError> {
    sqlx::query_as(
        "SELECT count(*), count(DISTINCT (topic, key))
         FROM (SELECT topic, key FROM messaging.dead_letter WHERE state = 'parked' LIMIT 10001) AS parked",
    )
    .fetch_one(connection)
    .await
    .map_err(StoreError::doing("count parked records"))
}
