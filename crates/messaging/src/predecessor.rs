//! An instance that was killed and is started again under its name takes back at once what it held, instead of waiting until
//! leases and session of its former self are over: that one is dead, for two cannot have one name (host and port) at a time.
//!
//! Should it live after all, nothing is lost: its records are dropped as duplicates, its calls have the same keys, its place in the
//! partitions is fenced by the position in the database.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::kafka::group_admin::{Coordinator, Member};
use crate::postgres::{intent, lease};
use crate::{Runtime, StoreError};

/// We are in the group within this long, or the session of the dead is over by itself.
const JOINED_WITHIN: Duration = Duration::from_secs(5);
/// For the few questions to a broker that are to be asked here.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

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

/// Lets the dead leave the consumer group as soon as we are in it: an empty group would wait for others before it begins.
pub(crate) async fn replace_in_group(runtime: &Runtime) {
    let Some(family) = runtime.family.as_deref() else { return };
    let replaced = timeout(JOINED_WITHIN, replaced(runtime, family)).await;
    let service = runtime.service;
    match replaced {
        Ok(Ok(0)) => {}
        Ok(Ok(dead)) => tracing::info!(service, dead, "took the place of a dead member"),
        Ok(Err(error)) => tracing::debug!(service, %error, "a dead member may still be in the group"),
        Err(_) => tracing::debug!(service, "not in the group yet"),
    }
}

/// Who this instance is in the group, which the client library does not tell; `None` when the broker does not say so soon.
pub(crate) async fn own_member(runtime: Runtime) -> Option<Member> {
    let asked = async {
        let mut coordinator = coordinator(&runtime).await?;
        loop {
            let mut ours = coordinator.members().await?;
            ours.retain(|member| member.client_id == runtime.instance);
            if let (Some(member), []) = (ours.pop(), &ours[..]) {
                return Ok::<_, std::io::Error>(member);
            }
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(JOINED_WITHIN, asked).await.ok()?.ok()
}

/// Lets a former member of this instance leave the group, once the broker answers. The client has given its session up and joins as
/// another one; while the broker was away nobody's session ran out there, so it would wait for the former one before it shares
/// anything out.
pub(crate) async fn leave_lost_session(runtime: Runtime, former: Member) {
    let leave = async || coordinator(&runtime).await?.leave(&former).await;
    while !matches!(timeout(ANSWER_WITHIN, leave()).await, Ok(Ok(()))) {
        sleep(LOOK_EVERY).await;
    }
    tracing::debug!(service = runtime.service, "left a session that was lost");
}

async fn coordinator(runtime: &Runtime) -> std::io::Result<Coordinator> {
    let group = runtime.settings.topic(runtime.service);
    Coordinator::of(&runtime.settings.kafka_bootstrap, &group).await
}

async fn replaced(runtime: &Runtime, family: &str) -> std::io::Result<usize> {
    let mut coordinator = coordinator(runtime).await?;
    loop {
        let members = coordinator.members().await?;
        let ours = |member: &&Member| member.client_id == runtime.instance;
        if members.iter().any(|member| ours(&member)) {
            let mut left = 0;
            for dead in members.iter().filter(|one| !ours(one) && one.client_id.starts_with(family)) {
                coordinator.leave(dead).await?;
                left += 1;
            }
            return Ok(left);
        }
        sleep(LOOK_EVERY).await;
    }
}
