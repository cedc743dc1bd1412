//! Table `idempotency`: what was answered under an Idempotency-Key.

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

/// Claims `key` for this transaction. Answers given before `forgotten` do not count any more.
///
/// The lock ends with the transaction, whatever ends it: a crash frees the key.
pub async fn claim(
    connection: &mut PgConnection,
    key: &str,
    forgotten: Timestamp,
) -> Result<Claim, StoreError> {
    let free: bool =
        sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtextextended('idempotency ' || $1, 0))")
            .bind(key)
            .fetch_one(&mut *connection)
            .await
            .map_err(StoreError::doing("claim an idempotency key"))?;
    if !free {
        return Ok(Claim::Running);
    }
    // A statement of its own: one that began before the lock was ours would not see what its last holder stored.
    let row: Option<(Vec<u8>, Uuid, String)> = sqlx::query_as(
        "SELECT body_hash, order_id, body FROM idempotency WHERE key = $1 AND created_at > $2",
    )
    .bind(key)
    .bind(OffsetDateTime::from(forgotten))
    .fetch_optional(connection)
    .await
    .map_err(StoreError::doing("look up an idempotency key"))?;
    Ok(row.map_or(Claim::Free, |(body_hash, order_id, body)| {
        Claim::Answered(Answer { body_hash, order_id: OrderId(order_id), body })
    }))
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
