//! How far each partition was read: the truth, and the fence.

use std::collections::HashMap;

use kernel::{EventId, Timestamp};
use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::StoreError;
use crate::core::consumer::Position;

/// The position of a partition, made at `low` when it was never read.
pub async fn load_or_begin(
    connection: &mut PgConnection,
    topic: &str,
    partition: i32,
    low: i64,
) -> Result<Position, StoreError> {
    let row = sqlx::query(
        "WITH new AS (INSERT INTO messaging.position (topic, partition, next_offset) VALUES ($1, $2, $3)
                      ON CONFLICT DO NOTHING RETURNING next_offset, last_event_id, last_event_time)
         SELECT * FROM new
         UNION ALL SELECT next_offset, last_event_id, last_event_time FROM messaging.position WHERE topic = $1 AND partition = $2",
    )
    .bind(topic)
    .bind(partition)
    .bind(low)
    .fetch_one(connection)
    .await
    .map_err(StoreError::doing("load a position"))?;
    let read = || -> Result<Position, sqlx::Error> {
        Ok(Position {
            next_offset: row.try_get("next_offset")?,
            last_event_id: row.try_get::<Option<Uuid>, _>("last_event_id")?.map(EventId),
            last_event_time: row
                .try_get::<Option<OffsetDateTime>, _>("last_event_time")?
                .map(Timestamp::from),
        })
    };
    read().map_err(StoreError::doing("read a position"))
}

/// Moves the position from where this instance believes it is; false when it is somewhere else. First statement of a
/// batch: it locks the partition against an instance that lost it without knowing.
pub async fn advance(
    connection: &mut PgConnection,
    topic: &str,
    partition: i32,
    from: i64,
    to: &Position,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE messaging.position
         SET next_offset = $4, last_event_id = $5, last_event_time = $6
         WHERE topic = $1 AND partition = $2 AND next_offset = $3",
    )
    .bind(topic)
    .bind(partition)
    .bind(from)
    .bind(to.next_offset)
    .bind(to.last_event_id.map(|id| id.0))
    .bind(to.last_event_time.map(OffsetDateTime::from))
    .execute(connection)
    .await
    .map_err(StoreError::doing("advance a position"))?;
    Ok(done.rows_affected() == 1)
}

/// All positions of a topic, by partition.
pub async fn of_topic(connection: &mut PgConnection, topic: &str) -> Result<HashMap<i32, i64>, StoreError> {
    let rows: Vec<(i32, i64)> =
        sqlx::query_as("SELECT partition, next_offset FROM messaging.position WHERE topic = $1")
            .bind(topic)
            .fetch_all(connection)
            .await
            .map_err(StoreError::doing("load positions"))?;
    Ok(rows.into_iter().collect())
}
