//! Positions that are set back, and what must go with them.

use kernel::{EventId, Timestamp};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::StoreError;
use crate::listener::{Again, Replayable};
use crate::replay::{Part, Refusal, Wish};

/// What a consumer says of itself: whoever may be replayed has a row, whoever may not has none, also when it once had.
pub async fn declare(
    connection: &mut PgConnection,
    name: &str,
    topics: &[&str],
    replayable: Option<Replayable>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let declared = match replayable {
        None => sqlx::query("DELETE FROM messaging.listener WHERE name = $1").bind(name),
        Some(Replayable(again)) => {
            let tables = match again {
                Again::AsItIs => None,
                Again::Anew(tables) => Some(tables),
            };
            sqlx::query(
                "INSERT INTO messaging.listener (name, topics, anew, tables, declared_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (name) DO UPDATE SET topics = EXCLUDED.topics, anew = EXCLUDED.anew,
                     tables = EXCLUDED.tables, declared_at = EXCLUDED.declared_at",
            )
            .bind(name)
            .bind(topics)
            .bind(tables.is_some())
            .bind(tables.unwrap_or_default())
            .bind(OffsetDateTime::from(now))
        }
    };
    declared.execute(connection).await.map_err(StoreError::doing("declare a listener"))?;
    Ok(())
}

/// What a listener declared.
#[derive(sqlx::FromRow)]
pub struct Declared {
    pub topics: Vec<String>,
    pub anew: bool,
    pub tables: Vec<String>,
}

pub async fn declared(connection: &mut PgConnection, name: &str) -> Result<Option<Declared>, StoreError> {
    sqlx::query_as("SELECT topics, anew, tables FROM messaging.listener WHERE name = $1")
        .bind(name)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::doing("ask whether a listener may be replayed"))
}

/// Whether anything is to be published or called from this database, whatever was declared.
pub async fn is_silent(connection: &mut PgConnection) -> Result<bool, StoreError> {
    sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT FROM messaging.outbox) AND NOT EXISTS (SELECT FROM messaging.intent)",
    )
    .fetch_one(connection)
    .await
    .map_err(StoreError::doing("ask whether anything is unsent"))
}

/// Who else is connected to this database, and who it is.
pub async fn others(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar(
        "SELECT DISTINCT COALESCE(NULLIF(application_name, ''), usename::text, 'somebody') FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("ask who else is connected"))
}

/// Locks the positions of these topics, none of which may be in use: topic, partition, position.
pub async fn lock(
    connection: &mut PgConnection,
    topics: &[String],
) -> Result<Vec<(String, i32, i64)>, Refusal> {
    let locked = sqlx::query_as(
        "SELECT topic, partition, next_offset FROM messaging.position WHERE topic = ANY($1)
         ORDER BY topic, partition FOR UPDATE NOWAIT",
    )
    .bind(topics)
    .fetch_all(connection)
    .await;
    locked.map_err(|error| match &error {
        sqlx::Error::Database(said) if said.code().as_deref() == Some(LOCKED) => Refusal::UnderWay,
        _ => StoreError::doing("lock positions")(error).into(),
    })
}

/// `lock_not_available`.
const LOCKED: &str = "55P03";
/// Ids of one statement.
const IDS_MAX: usize = 50_000;

/// Forgets that these had their effect.
pub async fn forget(connection: &mut PgConnection, ids: &[EventId]) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    for some in ids.chunks(IDS_MAX) {
        let done = sqlx::query("DELETE FROM messaging.inbox WHERE event_id = ANY($1)")
            .bind(some.iter().map(|id| id.0).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await
            .map_err(StoreError::doing("forget events"))?;
        forgotten += done.rows_affected();
    }
    Ok(forgotten)
}

/// Sets positions back. What is read from there to where they were is a replay.
pub async fn set_back(connection: &mut PgConnection, parts: &[Part]) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE messaging.position AS p
         SET next_offset = m.from_offset, last_event_id = NULL, last_event_time = NULL,
             replay_to = GREATEST(p.replay_to, p.next_offset)
         FROM unnest($1::text[], $2::int4[], $3::int8[]) AS m (topic, partition, from_offset)
         WHERE p.topic = m.topic AND p.partition = m.partition",
    )
    .bind(parts.iter().map(|part| part.topic.as_str()).collect::<Vec<_>>())
    .bind(parts.iter().map(|part| part.partition).collect::<Vec<_>>())
    .bind(parts.iter().map(|part| part.from).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("set positions back"))?;
    Ok(())
}

/// Empties tables of the listener.
pub async fn empty(connection: &mut PgConnection, tables: &[String]) -> Result<(), StoreError> {
    for table in tables {
        let quoted: Vec<String> =
            table.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {}", quoted.join("."))))
            .execute(&mut *connection)
            .await
            .map_err(StoreError::doing("empty a table"))?;
    }
    Ok(())
}

/// Writes down what is replayed, by whom and why.
pub async fn write_down(
    connection: &mut PgConnection,
    wish: &Wish,
    parts: &[Part],
    emptied: &[String],
) -> Result<i64, StoreError> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO messaging.replay (who, reason, begin_at, emptied) VALUES ($1, $2, $3, $4) RETURNING id",
    )
    .bind(&wish.who)
    .bind(&wish.why)
    .bind(wish.from.to_string())
    .bind(emptied)
    .fetch_one(&mut *connection)
    .await
    .map_err(StoreError::doing("write down a replay"))?;
    sqlx::query(
        "INSERT INTO messaging.replay_part (replay, topic, partition, from_offset, to_offset)
         SELECT $1, * FROM unnest($2::text[], $3::int4[], $4::int8[], $5::int8[])",
    )
    .bind(id)
    .bind(parts.iter().map(|part| part.topic.as_str()).collect::<Vec<_>>())
    .bind(parts.iter().map(|part| part.partition).collect::<Vec<_>>())
    .bind(parts.iter().map(|part| part.from).collect::<Vec<_>>())
    .bind(parts.iter().map(|part| part.to).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("write down the partitions of a replay"))?;
    Ok(id)
}

/// Up to where reading a partition is a replay; 0 when it is none.
pub async fn replay_to(
    connection: &mut PgConnection,
    topic: &str,
    partition: i32,
) -> Result<i64, StoreError> {
    let to: Option<Option<i64>> =
        sqlx::query_scalar("SELECT replay_to FROM messaging.position WHERE topic = $1 AND partition = $2")
            .bind(topic)
            .bind(partition)
            .fetch_optional(connection)
            .await
            .map_err(StoreError::doing("ask for a replay"))?;
    Ok(to.flatten().unwrap_or(0))
}
