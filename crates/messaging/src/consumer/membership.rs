//! Places in the consumer group that nobody fills any more are given up at once: that of who was killed and is started again, and
//! that of a session we lost. The client library has no call for it; the broker would wait until the session is over.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::Runtime;
use crate::kafka::group_admin::{Coordinator, Member};

/// We are in the group within this long, or the session of the dead is over by itself.
const JOINED_WITHIN: Duration = Duration::from_secs(5);
/// For the few questions to a broker that are to be asked here.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is known of this member's place in the group.
pub(super) enum Membership {
    /// Nothing.
    Unknown,
    /// Joined a moment ago: who are we?
    Joined(AbortOnDropHandle<Option<Member>>),
    /// We are this one, until we lose the session.
    Of(Member),
    /// Lost: let it end, until we have another one.
    Lost { _leaves: AbortOnDropHandle<()> },
}

impl Membership {
    pub(super) fn joined(runtime: &Runtime) -> Self {
        Self::Joined(AbortOnDropHandle::new(tokio::spawn(own_member(runtime.clone()))))
    }

    /// Resolves when it is known who we are; never when that is not asked.
    pub(super) async fn known(&mut self) -> Self {
        let Self::Joined(asked) = self else { return std::future::pending().await };
        asked.await.ok().flatten().map_or(Self::Unknown, Self::Of)
    }

    /// One that nobody knows ends by itself.
    pub(super) fn lost(self, runtime: &Runtime) -> Self {
        let Self::Of(former) = self else { return Self::Unknown };
        let leaves = leave_lost_session(runtime.clone(), former);
        Self::Lost { _leaves: AbortOnDropHandle::new(tokio::spawn(leaves)) }
    }
}

/// Lets the dead leave the consumer group as soon as we are in it: an empty group would wait for others before it begins.
pub(super) async fn replace_the_dead(runtime: &Runtime) {
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
async fn own_member(runtime: Runtime) -> Option<Member> {
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
async fn leave_lost_session(runtime: Runtime, former: Member) {
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
