//! Table `idempotency`: what was answered under an Idempotency-Key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kernel::{OrderId, Timestamp};
use messaging::StoreError;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing yet: it is ours until the transaction ends.
    Free,
    /// A request that still runs.
    Running,
    /// A request that was answered.
    Answered(Answer),
}

/// The first answer; its status was 201.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Of the body that was answered.
    pub body_hash: Vec<u8>,
    /// The order that was placed.
    pub order_id: OrderId,
    /// The answer, as it was.
    pub body: String,
}

/// Answers given at this instant or before are forgotten when they are kept for `kept`.
pub fn forgotten(now: Timestamp, kept: Duration) -> Timestamp {
    let kept_us = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
    // Nothing was answered before.
    let dawn = Timestamp::from(OffsetDateTime::UNIX_EPOCH);
    Timestamp::from_micros(now.as_micros().saturating_sub(kept_us)).unwrap_or(dawn)
}

/// Claims keys for this transaction. Answers given before `forgotten` do not count any more.
///
/// The locks end with the transaction, whatever ends it: a crash frees the keys.
pub async fn claim<'a>(
    connection: &mut PgConnection,
    keys: &BTreeSet<&'a str>,
    forgotten: Timestamp,
) -> Result<BTreeMap<&'a str, Claim>, StoreError> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let texts: Vec<&str> = keys.iter().copied().collect();
    let free: Vec<String> = sqlx::query_scalar(
        "SELECT key FROM unnest($1::text[]) AS key
         WHERE pg_try_advisory_xact_lock(hashtextextended('idempotency ' || key, 0))",
    )
    .bind(&texts)
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::doing("claim idempotency keys"))?;
    // A statement of its own: one that began before a lock was ours would not see what its last holder stored.
    let rows: Vec<(String, Vec<u8>, Uuid, String)> = sqlx::query_as(
        "SELECT key, body_hash, order_id, body FROM idempotency WHERE key = ANY($1) AND created_at > $2",
    )
    .bind(&free)
    .bind(OffsetDateTime::from(forgotten))
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("look idempotency keys up"))?;
    let mut answers: BTreeMap<String, Answer> = rows
        .into_iter()
        .map(|(key, body_hash, order_id, body)| {
            (key, Answer { body_hash, order_id: OrderId(order_id), body })
        })
        .collect();
    let mut claim = |key: &str| match answers.remove(key) {
        Some(answer) => Claim::Answered(answer),
        None if free.iter().any(|free| free == key) => Claim::Free,
        None => Claim::Running,
    };
    Ok(keys.iter().map(|key| (*key, claim(key))).collect())
}

/// Keeps answers under their keys, in place of forgotten ones.
pub async fn keep(
    connection: &mut PgConnection,
    answers: &[&(String, Answer)],
    now: Timestamp,
) -> Result<(), StoreError> {
    if answers.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO idempotency (key, body_hash, order_id, body, created_at)
         SELECT key, body_hash, order_id, body, $5
         FROM UNNEST($1::text[], $2::bytea[], $3::uuid[], $4::text[]) AS new (key, body_hash, order_id, body)
         ON CONFLICT (key) DO UPDATE SET body_hash = excluded.body_hash, order_id = excluded.order_id,
             body = excluded.body, created_at = excluded.created_at",
    )
    .bind(answers.iter().map(|(key, _)| key.as_str()).collect::<Vec<&str>>())
    .bind(answers.iter().map(|(_, answer)| answer.body_hash.as_slice()).collect::<Vec<&[u8]>>())
    .bind(answers.iter().map(|(_, answer)| answer.order_id.0).collect::<Vec<Uuid>>())
    .bind(answers.iter().map(|(_, answer)| answer.body.as_str()).collect::<Vec<&str>>())
    .bind(OffsetDateTime::from(now))
    .execute(connection)
    .await
    .map_err(StoreError::doing("keep answers"))?;
    Ok(())
}

/// Forgets answers given at `forgotten` or before, at most `limit`; says how many.
pub async fn purge(
    connection: &mut PgConnection,
    forgotten: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM idempotency WHERE key IN
             (SELECT key FROM idempotency WHERE created_at <= $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind(OffsetDateTime::from(forgotten))
    .bind(limit)
    .execute(connection)
    .await
    .map_err(StoreError::doing("forget idempotency keys"))?;
    Ok(done.rows_affected())
}
