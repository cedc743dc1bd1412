//! Parked records, in the order of the log per topic and key.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Timestamp;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::StoreError;
use crate::core::transaction::{DeadLetter, Erasure, ParkedKeys};

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

/// Empties the letters that are older than each of these, of its topic and key, in whatever state. What is parked of them is
/// discarded, and that is written down as if somebody had asked for it. How many were emptied.
pub async fn erase(
    connection: &mut PgConnection,
    erasures: &[Erasure<'_>],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let emptied = sqlx::query(
        // What failed in a redrive says so in the step, with the reason: that may have quoted the record.
        r#"WITH erasure AS (SELECT * FROM unnest($1::text[], $2::int4[], $3::int8[], $4::bytea[])
                                AS erasure (topic, partition, "offset", key)),
               old AS (SELECT DISTINCT letter.id, letter.state
                       FROM messaging.dead_letter AS letter JOIN erasure USING (topic)
                       WHERE letter.key = erasure.key
                             AND (letter.partition <> erasure.partition OR letter."offset" < erasure."offset")
                             AND (letter.state = 'parked' OR letter.value IS NOT NULL OR letter.headers <> '[]')),
               action AS (INSERT INTO messaging.dead_letter_action (kind, who, reason, whole_keys, requested_at, done_at)
                          SELECT 'discard', 'erasure', 'a later record erased its key', false, $5, $5
                          WHERE EXISTS (SELECT FROM old WHERE state = 'parked') RETURNING id),
               steps AS (INSERT INTO messaging.dead_letter_step (action, letter, outcome, done_at)
                         SELECT action.id, old.id, 'discarded', $5 FROM action, old WHERE state = 'parked'),
               details AS (UPDATE messaging.dead_letter_step AS step SET detail = 'erased'
                           FROM old WHERE step.letter = old.id AND step.detail IS NOT NULL)
           UPDATE messaging.dead_letter AS letter
           SET value = NULL, headers = '[]', reason = 'erased: a later record erased its key',
               state = CASE letter.state WHEN 'parked' THEN 'discarded' ELSE letter.state END
           FROM old WHERE letter.id = old.id"#,
    )
    .bind(erasures.iter().map(|one| one.topic).collect::<Vec<_>>())
    .bind(erasures.iter().map(|one| one.partition).collect::<Vec<_>>())
    .bind(erasures.iter().map(|one| one.offset).collect::<Vec<_>>())
    .bind(erasures.iter().map(|one| one.key).collect::<Vec<_>>())
    .bind(OffsetDateTime::from(now))
    .execute(connection)
    .await
    .map_err(StoreError::doing("empty the dead letters of an erased key"))?;
    Ok(emptied.rows_affected())
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
