//! Calls to the outside that are to be made: opened with the state, claimed by a worker, ended with their result.

use std::collections::HashSet;
use std::time::Duration;

use kernel::{EventId, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::StoreError;
use crate::outbox::{Cause, Decided};
use crate::{Intent, IntentChange, NewIntent, TraceContext};

/// An intent that is not ended yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// What it is about.
    pub key: String,
    /// What to do.
    pub kind: String,
    /// Tries so far; 0 when no worker has claimed it, so that it may still be withdrawn.
    pub attempts: i32,
}

/// Writes the changes of a batch, in order.
pub async fn change<E>(connection: &mut PgConnection, decided: &[Decided<E>]) -> Result<(), StoreError> {
    let mut opened: Vec<Opened<'_>> = Vec::new();
    for one in decided {
        for change in &one.effects.intents {
            match change {
                IntentChange::Open(intent) => opened.push((intent, &one.cause, one.at)),
                IntentChange::Withdraw { key } => {
                    open(connection, std::mem::take(&mut opened)).await?;
                    withdraw(connection, key).await?;
                }
                IntentChange::Wake { subject } => {
                    open(connection, std::mem::take(&mut opened)).await?;
                    wake(connection, subject, one.at).await?;
                }
            }
        }
    }
    open(connection, opened).await
}

/// Why, and when.
type Opened<'a> = (&'a NewIntent, &'a Cause, Timestamp);

async fn open(connection: &mut PgConnection, intents: Vec<Opened<'_>>) -> Result<(), StoreError> {
    if intents.is_empty() {
        return Ok(());
    }
    let column = |read: fn(&NewIntent) -> &str| {
        intents.iter().map(|(intent, ..)| read(intent).to_owned()).collect::<Vec<_>>()
    };
    let cause = |read: fn(&Cause) -> Option<String>| {
        intents.iter().map(|(_, cause, _)| read(cause)).collect::<Vec<_>>()
    };
    sqlx::query(
        "INSERT INTO messaging.intent (key, kind, payload, subject, causation, traceparent, tracestate, due_at, asked_at)
         SELECT key, kind, payload, subject, causation, traceparent, tracestate, due_at, asked_at
         FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::timestamptz[],
                     $9::timestamptz[])
              WITH ORDINALITY AS row (key, kind, payload, subject, causation, traceparent, tracestate, due_at, asked_at, n)
         ORDER BY n",
    )
    .bind(column(|intent| &intent.key))
    .bind(column(|intent| intent.kind))
    .bind(intents.iter().map(|(intent, ..)| intent.payload.clone()).collect::<Vec<_>>())
    .bind(intents.iter().map(|(intent, ..)| intent.subject.clone()).collect::<Vec<_>>())
    .bind(intents.iter().map(|(_, cause, _)| cause.event.map(|id| id.0)).collect::<Vec<_>>())
    .bind(cause(|cause| cause.trace.traceparent.clone()))
    .bind(cause(|cause| cause.trace.tracestate.clone()))
    .bind(intents.iter().map(|(intent, ..)| OffsetDateTime::from(intent.due_at)).collect::<Vec<_>>())
    .bind(intents.iter().map(|(.., at)| OffsetDateTime::from(*at)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("open intents"))?;
    Ok(())
}

async fn withdraw(connection: &mut PgConnection, key: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM messaging.intent WHERE key = $1 AND attempts = 0")
        .bind(key)
        .execute(connection)
        .await
        .map_err(StoreError::doing("withdraw an intent"))?;
    Ok(())
}

async fn wake(connection: &mut PgConnection, subject: &str, now: Timestamp) -> Result<(), StoreError> {
    // Also those whose call is under way: it may have looked for what was not there yet, and be put back for later.
    sqlx::query(
        "UPDATE messaging.intent SET due_at = $2, asked_at = $2, woken = true
         WHERE subject = $1 AND (due_at > $2 OR lease_owner IS NOT NULL)",
    )
    .bind(subject)
    .bind(OffsetDateTime::from(now))
    .execute(connection)
    .await
    .map_err(StoreError::doing("wake intents"))?;
    Ok(())
}

/// Locks the open intents of these keys, oldest first. After the aggregates' own rows, so that everybody locks in one order.
pub async fn lock_open(
    connection: &mut PgConnection,
    keys: &[String],
) -> Result<Vec<OpenIntent>, StoreError> {
    let rows: Vec<(String, String, i32)> = sqlx::query_as(
        "SELECT key, kind, attempts FROM messaging.intent WHERE key = ANY($1) ORDER BY key, id FOR UPDATE",
    )
    .bind(keys)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("lock open intents"))?;
    Ok(rows.into_iter().map(|(key, kind, attempts)| OpenIntent { key, kind, attempts }).collect())
}

/// Claims intents that are due, of each key only the oldest, and none of `without`. Must be committed before the call is made.
pub async fn claim(
    connection: &mut PgConnection,
    me: &str,
    now: Timestamp,
    lease: Duration,
    limit: usize,
    without: &[i64],
) -> Result<Vec<Intent>, StoreError> {
    // Written so that the plan is the same whatever the planner believes about the table, which is now empty, now full: the
    // due ones in the order of their index, for each the oldest of its key by the index of keys (`+ 0` keeps it off the
    // primary key), and each lock taken once.
    let rows = sqlx::query(
        "WITH due AS MATERIALIZED (
             SELECT id FROM messaging.intent AS due
             WHERE due_at <= $2 AND lease_until < now() AND id <> ALL($5)
               AND id = (SELECT min(older.id + 0) FROM messaging.intent AS older WHERE older.key = due.key)
             ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED)
         UPDATE messaging.intent SET attempts = attempts + 1, woken = false, lease_owner = $1, lease_until = now() + make_interval(secs => $3)
         WHERE id = ANY(ARRAY(SELECT id FROM due))
         RETURNING id, key, kind, payload, causation, traceparent, tracestate, attempts",
    )
    .bind(me)
    .bind(OffsetDateTime::from(now))
    .bind(lease.as_secs_f64())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .bind(without)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("claim intents"))?;
    let read = |row: &PgRow| -> Result<Intent, sqlx::Error> {
        Ok(Intent {
            id: row.try_get("id")?,
            key: row.try_get("key")?,
            kind: row.try_get("kind")?,
            payload: row.try_get("payload")?,
            causation: row.try_get::<Option<Uuid>, _>("causation")?.map(EventId),
            trace: TraceContext {
                traceparent: row.try_get("traceparent")?,
                tracestate: row.try_get("tracestate")?,
            },
            attempts: row.try_get("attempts")?,
        })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreError::doing("read an intent"))
}

/// Ends those of these intents that are still held by `me` in this very try; returns which.
pub async fn end(
    connection: &mut PgConnection,
    me: &str,
    intents: &[&Intent],
) -> Result<HashSet<i64>, StoreError> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "DELETE FROM messaging.intent USING unnest($2::int8[], $3::int4[]) AS done (done_id, tried)
         WHERE id = done_id AND attempts = tried AND lease_owner = $1 RETURNING id",
    )
    .bind(me)
    .bind(intents.iter().map(|intent| intent.id).collect::<Vec<_>>())
    .bind(intents.iter().map(|intent| intent.attempts).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("end intents"))?;
    Ok(ids.into_iter().collect())
}

/// Gives intents back, to be tried again at their time; at once those that were woken meanwhile.
pub async fn put_back(
    connection: &mut PgConnection,
    me: &str,
    due: &[(&Intent, Timestamp)],
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE messaging.intent SET lease_owner = NULL, lease_until = '-infinity',
                due_at = CASE WHEN woken THEN due_at ELSE again.due END,
                asked_at = CASE WHEN woken THEN asked_at ELSE $5 END
         FROM unnest($2::int8[], $3::int4[], $4::timestamptz[]) AS again (again_id, tried, due)
         WHERE id = again_id AND attempts = tried AND lease_owner = $1",
    )
    .bind(me)
    .bind(due.iter().map(|(intent, _)| intent.id).collect::<Vec<_>>())
    .bind(due.iter().map(|(intent, _)| intent.attempts).collect::<Vec<_>>())
    .bind(due.iter().map(|(_, at)| OffsetDateTime::from(*at)).collect::<Vec<_>>())
    .bind(OffsetDateTime::from(now))
    .execute(connection)
    .await
    .map_err(StoreError::doing("put intents back"))?;
    Ok(())
}

/// Makes due what was asked for at a time that is still to come: the clock has gone back since, and it would wait until the clock is
/// there again. By less than `skew` clocks may differ. Returns how many there were.
pub async fn make_due_what_the_clock_left(
    connection: &mut PgConnection,
    now: Timestamp,
    skew: Duration,
) -> Result<u64, StoreError> {
    let done = sqlx::query("UPDATE messaging.intent SET due_at = $1, asked_at = $1 WHERE asked_at > $2")
        .bind(OffsetDateTime::from(now))
        .bind(OffsetDateTime::from(now.plus(skew)))
        .execute(connection)
        .await
        .map_err(StoreError::doing("look whether the clock has gone back"))?;
    Ok(done.rows_affected())
}

/// Keeps what is held while calls take their time.
pub async fn renew(
    connection: &mut PgConnection,
    me: &str,
    ids: &[i64],
    lease: Duration,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE messaging.intent SET lease_until = now() + make_interval(secs => $3) WHERE id = ANY($2) AND lease_owner = $1",
    )
    .bind(me)
    .bind(ids)
    .bind(lease.as_secs_f64())
    .execute(connection)
    .await
    .map_err(StoreError::doing("renew intents"))?;
    Ok(())
}

/// The instance ends: what it holds can be claimed at once, and what is `untried` may still be withdrawn.
pub async fn leave(connection: &mut PgConnection, me: &str, untried: &[i64]) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE messaging.intent SET lease_owner = NULL, lease_until = '-infinity',
                attempts = attempts - (id = ANY($2))::int
         WHERE lease_owner = $1",
    )
    .bind(me)
    .bind(untried)
    .execute(connection)
    .await
    .map_err(StoreError::doing("give intents back"))?;
    Ok(())
}

/// How many intents are open, and the most tries of one. Looked at often, so no more than so many are counted.
pub async fn count(connection: &mut PgConnection) -> Result<(i64, i32), StoreError> {
    sqlx::query_as(
        "SELECT count(*), coalesce(max(attempts), 0)
         FROM (SELECT attempts FROM messaging.intent ORDER BY id LIMIT 10001) AS oldest",
    )
    .fetch_one(connection)
    .await
    .map_err(StoreError::doing("count open intents"))
}
