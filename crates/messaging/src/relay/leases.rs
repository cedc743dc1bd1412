//! Keeps the leases of this instance.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::postgres::lease;
use crate::predecessor::{self, Held as Inheritance};
use crate::{Runtime, StoreError};

/// The shards held, and until when by our own clock: measured from before the claim, so it ends before the database's.
#[derive(Clone, Debug)]
pub struct Held {
    /// The shards.
    pub shards: BTreeSet<i16>,
    /// Not one publish later than this.
    pub until: Instant,
}

/// Nothing held.
pub fn channel() -> (watch::Sender<Held>, watch::Receiver<Held>) {
    watch::channel(Held { shards: BTreeSet::new(), until: Instant::now() })
}

/// Claims and renews until `ended`, then gives everything back.
pub async fn keep(runtime: &Runtime, held: watch::Sender<Held>, ended: &CancellationToken) {
    let ttl = Duration::from_millis(runtime.settings.relay_lease_ms);
    let mut failures = 0_u32;
    predecessor::inherit(runtime, Inheritance::Shards, ended).await;
    loop {
        let before = Instant::now();
        let Some(claimed) = ended.run_until_cancelled(claim(runtime, ttl)).await else { break };
        let wait = match claimed {
            Ok(shards) => {
                failures = 0;
                held.send_replace(Held { shards: shards.into_iter().collect(), until: before + ttl });
                ttl / 3
            }
            Err(error) => {
                failures += 1;
                tracing::debug!(service = runtime.service, error = %crate::core::chain(&error), "cannot claim shards");
                runtime.settings.backoff().after(failures, 1.0).min(ttl / 3)
            }
        };
        if ended.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            break;
        }
    }
    let leave = async {
        let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
        lease::leave(&mut connection, &runtime.instance).await
    };
    if tokio::time::timeout(Duration::from_secs(1), leave).await.is_err() {
        tracing::debug!(service = runtime.service, "leases are left to run out");
    }
}

async fn claim(runtime: &Runtime, ttl: Duration) -> Result<Vec<i16>, StoreError> {
    let claimed = async {
        let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
        lease::claim(&mut connection, &runtime.instance, ttl).await
    };
    StoreError::in_time("claim shards of the outbox in time", claimed).await
}
