//! How a relay hears of new rows: from its own process after the commit, from other instances by a coalesced NOTIFY;
//! the poll is the net under both. A NOTIFY in every commit would make commits wait for each other.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::leases::Held;
use crate::core::SHARDS;
use crate::{Runtime, StoreError};

const CHANNEL: &str = "messaging_outbox";
/// At most one NOTIFY in this time.
const COALESCE: Duration = Duration::from_millis(5);

/// How long a silent session is believed.
const LISTEN_FOR: Duration = Duration::from_mins(1);

/// Counts the wake-ups of both relays.
pub struct Wake {
    ordinary: watch::Sender<u64>,
    compacted: watch::Sender<u64>,
}
/// Sees the wake-ups of one relay.
pub type Woken = watch::Receiver<u64>;

/// What tells both relays, and what each of them hears: of ordinary, of compacted topics.
pub fn channel() -> (Wake, Woken, Woken) {
    let ((ordinary, hears_ordinary), (compacted, hears_compacted)) = (watch::channel(0), watch::channel(0));
    (Wake { ordinary, compacted }, hears_ordinary, hears_compacted)
}

/// Runs until `shutdown`.
pub async fn forward(
    runtime: &Runtime,
    wake: Wake,
    held: watch::Receiver<Held>,
    shutdown: &CancellationToken,
) {
    let own = async {
        loop {
            let relay = tokio::select! {
                () = runtime.outbox.events_woken() => &wake.ordinary,
                () = runtime.outbox.compacted_woken() => &wake.compacted,
            };
            relay.send_modify(|count| *count += 1);
            let all_ours = held.borrow().shards.len() > usize::from(SHARDS.unsigned_abs());
            if !all_ours {
                tell_others(runtime).await;
                tokio::time::sleep(COALESCE).await;
            }
        }
    };
    let others = async {
        loop {
            if let Err(error) = listen(runtime, &wake).await {
                tracing::debug!(service = runtime.service, %error, "not listening for other instances, polling only");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    shutdown.run_until_cancelled(async { tokio::join!(own, others) }).await;
}

async fn tell_others(runtime: &Runtime) {
    let told = async {
        let told = sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&runtime.pool).await;
        told.map_err(StoreError::doing("notify other relays"))
    };
    if let Err(error) = StoreError::in_time("notify other relays in time", told).await {
        tracing::debug!(service = runtime.service, %error, "cannot notify other relays; they will poll");
    }
}

async fn listen(runtime: &Runtime, wake: &Wake) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(&runtime.pool).await?;
    listener.listen(CHANNEL).await?;
    // A session whose server is gone says nothing either: after a while of silence another one is opened.
    while let Ok(heard) = tokio::time::timeout(LISTEN_FOR, listener.recv()).await {
        heard?;
        for relay in [&wake.ordinary, &wake.compacted] {
            relay.send_modify(|count| *count += 1);
        }
    }
    Ok(())
}
