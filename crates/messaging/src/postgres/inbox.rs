//! Ids of the events that had their effect.

use std::collections::BTreeSet;

use kernel::{EventId, Timestamp};
use sqlx::PgConnection;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::StoreError;

/// Writes the ids and returns those that were not there. An event's row stands under the day of its own time, so that
/// a repeat, however late, meets it. One that somebody discarded is never new: also when the inbox has forgotten it, after a week or
/// because all is read again.
pub async fn insert(
    connection: &mut PgConnection,
    events: &[(EventId, Timestamp)],
) -> Result<BTreeSet<EventId>, StoreError> {
    let mut sorted: Vec<(Uuid, Date)> =
        events.iter().map(|(id, time)| (id.0, OffsetDateTime::from(*time).date())).collect();
    sorted.sort_unstable(); // two instances insert in the same order
    let (ids, days): (Vec<Uuid>, Vec<Date>) = sorted.into_iter().unzip();
    let fresh: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO messaging.inbox (event_id, day) SELECT * FROM unnest($1::uuid[], $2::date[]) AS new (event_id, day)
         WHERE NOT EXISTS (SELECT FROM messaging.dead_letter AS letter
                           WHERE letter.event_id = new.event_id AND letter.state = 'discarded')
         ON CONFLICT DO NOTHING RETURNING event_id",
    )
    .bind(ids)
    .bind(days)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("write the inbox"))?;
    Ok(fresh.into_iter().map(EventId).collect())
}

/// Makes the tables of the days around `today`, drops those older than `keep_days`.
pub async fn maintain(
    connection: &mut PgConnection,
    today: Timestamp,
    keep_days: i32,
) -> Result<(), StoreError> {
    sqlx::query("SELECT messaging.maintain_inbox($1, $2)")
        .bind(OffsetDateTime::from(today).date())
        .bind(keep_days)
        .execute(connection)
        .await
        .map_err(StoreError::doing("maintain the inbox"))?;
    Ok(())
}
