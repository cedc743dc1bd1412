//! An instance that was killed and is started again under its name takes back at once what it held, instead of waiting until
//! leases and session of its former self are over: that one is dead, for two cannot have one name (host and port) at a time.
//!
//! Its place in the consumer group is given up by [`crate::consumer`]'s `membership`.
//!
//! Should it live after all, nothing is lost: its records are dropped as duplicates, its calls have the same keys, its place in the
//! partitions is fenced by the position in the database.

use sqlx::PgConnection;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::postgres::{intent, lease};
use crate::{Runtime, StoreError};

/// What was held in the database.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    /// Shards of the outbox.
    Shards,
    /// Calls under way: they are made again, under the same keys.
    Intents,
}

/// Takes it back; tries until the database answers.
pub(crate) async fn inherit(runtime: &Runtime, held: Held, shutdown: &CancellationToken) {
    let Some(family) = runtime.family.as_deref() else { return };
    let mut failures = 0_u32;
    while let Err(error) = StoreError::in_time("inherit", freed(runtime, held, family)).await {
        failures += 1;
        tracing::debug!(service = runtime.service, error = %crate::core::chain(&error), "nothing inherited yet");
        let wait = runtime.settings.backoff().after(failures, 1.0);
        if shutdown.run_until_cancelled(sleep(wait)).await.is_none() {
            return;
        }
    }
}

async fn freed(runtime: &Runtime, held: Held, family: &str) -> Result<(), StoreError> {
    let mut connection: sqlx::pool::PoolConnection<sqlx::Postgres> =
        runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
    let connection: &mut PgConnection = &mut connection;
    for dead in lease::others(connection, &runtime.instance, family).await? {
        match held {
            Held::Shards => lease::leave(connection, &dead).await?,
            Held::Intents => intent::leave(connection, &dead, &[]).await?,
        }
    }
    Ok(())
}
