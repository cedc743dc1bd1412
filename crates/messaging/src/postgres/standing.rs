//! What messaging has noted of the log, for whoever folds it beside the service.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sqlx::PgConnection;
use uuid::Uuid;

use super::StoreError;

/// Records somebody gave up: they never have an effect, neither by themselves nor by a repeat.
#[derive(Clone, Debug, Default)]
pub struct Discarded {
    ids: HashSet<Uuid>,
}

impl Discarded {
    /// Whether the event of this id was given up.
    pub fn has(&self, id: Uuid) -> bool {
        self.ids.contains(&id)
    }
}

/// What was given up so far.
pub async fn discarded(connection: &mut PgConnection) -> Result<Discarded, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT event_id FROM messaging.dead_letter WHERE state = 'discarded' AND event_id IS NOT NULL",
    )
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load what was discarded"))?;
    Ok(Discarded { ids: ids.into_iter().collect() })
}

/// Keys of these topics with records that are parked, and how many. A key that is no text is spelt as well as can be.
pub async fn parked(
    connection: &mut PgConnection,
    topics: &[&str],
) -> Result<BTreeMap<(String, String), i64>, StoreError> {
    let rows: Vec<(String, Option<Vec<u8>>, i64)> = sqlx::query_as(
        "SELECT topic, key, count(*) FROM messaging.dead_letter WHERE state = 'parked' AND topic = ANY($1) GROUP BY 1, 2",
    )
    .bind(topics)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load parked keys"))?;
    let spelt = |key: Option<Vec<u8>>| String::from_utf8_lossy(&key.unwrap_or_default()).into_owned();
    Ok(rows.into_iter().map(|(topic, key, count)| ((topic, spelt(key)), count)).collect())
}

/// How far the service has read, by topic and partition.
pub async fn positions(connection: &mut PgConnection) -> Result<BTreeMap<(String, i32), i64>, StoreError> {
    let rows: Vec<(String, i32, i64)> =
        sqlx::query_as("SELECT topic, partition, next_offset FROM messaging.position")
            .fetch_all(connection)
            .await
            .map_err(StoreError::doing("load positions"))?;
    Ok(rows.into_iter().map(|(topic, partition, next)| ((topic, partition), next)).collect())
}

/// The first record of each partition that is parked: neither it nor what came behind it with its key is in the rows.
pub async fn first_parked(connection: &mut PgConnection) -> Result<BTreeMap<(String, i32), i64>, StoreError> {
    let rows: Vec<(String, i32, i64)> = sqlx::query_as(
        "SELECT topic, partition, min(\"offset\") FROM messaging.dead_letter WHERE state = 'parked' GROUP BY 1, 2",
    )
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load the first parked records"))?;
    Ok(rows.into_iter().map(|(topic, partition, first)| ((topic, partition), first)).collect())
}

/// Which of these keys have events that are not in the log yet.
pub async fn unsent(connection: &mut PgConnection, keys: &[&str]) -> Result<BTreeSet<String>, StoreError> {
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT key FROM messaging.outbox WHERE key = ANY($1)")
            .bind(keys)
            .fetch_all(connection)
            .await
            .map_err(StoreError::doing("look for unsent events"))?;
    Ok(keys.into_iter().collect())
}

/// The events that are not in the log yet.
pub async fn unsent_ids(connection: &mut PgConnection) -> Result<Vec<i64>, StoreError> {
    sqlx::query_scalar("SELECT id FROM messaging.outbox")
        .fetch_all(connection)
        .await
        .map_err(StoreError::doing("list unsent events"))
}

/// How many of them still are not. A row leaves when the broker has its event.
pub async fn still_unsent(connection: &mut PgConnection, ids: &[i64]) -> Result<usize, StoreError> {
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM messaging.outbox WHERE id = ANY($1)")
        .bind(ids)
        .fetch_one(connection)
        .await
        .map_err(StoreError::doing("look whether events were sent"))?;
    Ok(usize::try_from(left).unwrap_or(usize::MAX))
}

/// How many events are not in the log yet.
pub async fn unsent_count(connection: &mut PgConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar("SELECT count(*) FROM messaging.outbox")
        .fetch_one(connection)
        .await
        .map_err(StoreError::doing("count unsent events"))
}

/// Who of the service is alive, as far as its database tells: its connections, and relays that were seen a moment ago.
pub async fn alive(connection: &mut PgConnection, service: &str) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar(
        "SELECT 'a connection from ' || coalesce(host(client_addr), 'this machine') || ', process ' || pid
         FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()
         UNION ALL
         SELECT 'the relay ' || instance || ', seen as alive until ' || until FROM messaging.relay_instance WHERE until > now()",
    )
    .bind(service)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("look whether the service is alive"))
}

/// Forgets all that hangs on the former state: positions and inbox, so that everything is read again, the calls that were to be
/// made, which are decided again, and the events that were never sent. What people decided about dead letters stays.
pub async fn forget(connection: &mut PgConnection) -> Result<(), StoreError> {
    for table in ["position", "inbox", "intent", "outbox"] {
        let statement = format!("DELETE FROM messaging.{table}");
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await
            .map_err(StoreError::doing("forget what was read"))?;
    }
    Ok(())
}
