//! Who publishes which shard. All times are the database's: instances need not agree on the time.

use std::time::Duration;

use sqlx::{PgConnection, Row as _};

use super::StoreError;
use crate::core::lease::{Lease, Plan, plan};

/// Tells that `me` is alive, then takes, renews and gives back shards; returns those held for `ttl` from before this call.
pub async fn claim(connection: &mut PgConnection, me: &str, ttl: Duration) -> Result<Vec<i16>, StoreError> {
    let ttl_s = ttl.as_secs_f64();
    sqlx::query(
        "WITH dead AS (DELETE FROM messaging.relay_instance WHERE until < now() - interval '1 minute' AND instance <> $1)
         INSERT INTO messaging.relay_instance (instance, until) VALUES ($1, now() + make_interval(secs => $2))
         ON CONFLICT (instance) DO UPDATE SET until = excluded.until",
    )
    .bind(me)
    .bind(ttl_s)
    .execute(&mut *connection)
    .await
    .map_err(StoreError::doing("tell that the relay is alive"))?;
    let alive: i64 = sqlx::query_scalar("SELECT count(*) FROM messaging.relay_instance WHERE until > now()")
        .fetch_one(&mut *connection)
        .await
        .map_err(StoreError::doing("count relays"))?;
    let leases = sqlx::query(
        "SELECT shard, owner, until < now() AS expired FROM messaging.relay_lease ORDER BY shard",
    )
    .fetch_all(&mut *connection)
    .await
    .and_then(|rows| {
        let lease = |row: &sqlx::postgres::PgRow| {
            Ok(Lease {
                shard: row.try_get("shard")?,
                owner: row.try_get("owner")?,
                expired: row.try_get("expired")?,
            })
        };
        rows.iter().map(lease).collect::<Result<Vec<_>, sqlx::Error>>()
    })
    .map_err(StoreError::doing("read relay leases"))?;
    write(connection, me, ttl_s, &plan(me, usize::try_from(alive).unwrap_or(1), &leases)).await
}

async fn write(
    connection: &mut PgConnection,
    me: &str,
    ttl_s: f64,
    plan: &Plan,
) -> Result<Vec<i16>, StoreError> {
    release(connection, me, &plan.give).await?;
    // Locked in the order of shards, so that two relays never wait for each other in a circle.
    sqlx::query_scalar(
        "WITH wanted AS (SELECT shard FROM messaging.relay_lease
                         WHERE (shard = ANY($2) AND owner = $1) OR (shard = ANY($3) AND (owner IS NULL OR until < now()))
                         ORDER BY shard FOR UPDATE)
         UPDATE messaging.relay_lease AS lease SET owner = $1, until = now() + make_interval(secs => $4)
         FROM wanted WHERE lease.shard = wanted.shard RETURNING lease.shard",
    )
    .bind(me)
    .bind(&plan.renew)
    .bind(&plan.take)
    .bind(ttl_s)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("claim shards of the outbox"))
}

/// Gives shards back.
pub async fn release(connection: &mut PgConnection, me: &str, shards: &[i16]) -> Result<(), StoreError> {
    if shards.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE messaging.relay_lease SET owner = NULL, until = '-infinity' WHERE owner = $1 AND shard = ANY($2)",
    )
    .bind(me)
    .bind(shards)
    .execute(connection)
    .await
    .map_err(StoreError::doing("give back shards of the outbox"))?;
    Ok(())
}

/// Instances of this family other than `me`: what they hold, here or of the calls, is to be freed.
pub async fn others(
    connection: &mut PgConnection,
    me: &str,
    family: &str,
) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar(
        "SELECT instance FROM (SELECT instance FROM messaging.relay_instance
                               UNION SELECT owner FROM messaging.relay_lease
                               UNION SELECT lease_owner FROM messaging.intent) AS known (instance)
         WHERE starts_with(instance, $2) AND instance <> $1 ORDER BY instance",
    )
    .bind(me)
    .bind(family)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("look for earlier instances"))
}

/// The instance ends: everything it holds is free at once.
pub async fn leave(connection: &mut PgConnection, me: &str) -> Result<(), StoreError> {
    sqlx::query(
        "WITH gone AS (DELETE FROM messaging.relay_instance WHERE instance = $1)
         UPDATE messaging.relay_lease SET owner = NULL, until = '-infinity' WHERE owner = $1",
    )
    .bind(me)
    .execute(connection)
    .await
    .map_err(StoreError::doing("leave the relays"))?;
    Ok(())
}
