//! How far each partition was read: the truth, and the fence.

use std::collections::HashMap;

use kernel::{EventId, Timestamp};
use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::StoreError;
use crate::core::consumer::Position;
use crate::core::transaction::Move;

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

/// Moves partitions from where this instance believes they are; false when one of them is somewhere else. First statement
/// of a batch: it locks them, in order, against an instance that lost them without knowing.
pub async fn advance(connection: &mut PgConnection, moves: &[Move<'_>]) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE messaging.position AS p
         SET next_offset = m.next_offset, last_event_id = m.last_event_id, last_event_time = m.last_event_time
         FROM (SELECT m.* FROM unnest($1::text[], $2::int4[], $3::int8[], $4::int8[], $5::uuid[], $6::timestamptz[])
                               AS m (topic, partition, from_offset, next_offset, last_event_id, last_event_time)
               JOIN messaging.position AS held ON held.topic = m.topic AND held.partition = m.partition
                    AND held.next_offset = m.from_offset
               ORDER BY m.topic, m.partition FOR UPDATE OF held) AS m
         WHERE p.topic = m.topic AND p.partition = m.partition",
    )
    .bind(moves.iter().map(|one| one.topic).collect::<Vec<_>>())
    .bind(moves.iter().map(|one| one.partition).collect::<Vec<_>>())
    .bind(moves.iter().map(|one| one.from).collect::<Vec<_>>())
    .bind(moves.iter().map(|one| one.to.next_offset).collect::<Vec<_>>())
    .bind(moves.iter().map(|one| one.to.last_event_id.map(|id| id.0)).collect::<Vec<_>>())
    .bind(moves.iter().map(|one| one.to.last_event_time.map(OffsetDateTime::from)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("advance positions"))?;
    Ok(done.rows_affected() == moves.len() as u64)
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
