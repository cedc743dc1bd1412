//! Who publishes which shard.

use std::time::Duration;

use kernel::Timestamp;

use super::Database;
use crate::core::COMPACTED_SHARD;
use crate::core::lease::{Lease, plan};

/// A shard, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// The shard.
    pub shard: i16,
    /// Whose it is, or was.
    pub owner: Option<String>,
    /// Until when; `None`: not any more.
    pub until: Option<Timestamp>,
}

pub(super) fn all_free() -> Vec<LeaseRow> {
    (0..=COMPACTED_SHARD).map(|shard| LeaseRow { shard, owner: None, until: None }).collect()
}

impl LeaseRow {
    fn is_expired(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until < now)
    }
}

impl<E> Database<E> {
    /// Tells that `me` is alive, then takes, renews and gives back shards; returns those held for `ttl` from `now` on.
    pub fn claim_shards(&mut self, me: &str, now: Timestamp, ttl: Duration) -> Vec<i16> {
        self.instances.insert(me.to_owned(), now.plus(ttl));
        let alive = self.instances.values().filter(|until| **until > now).count();
        let look = |row: &LeaseRow| Lease {
            shard: row.shard,
            owner: row.owner.clone(),
            expired: row.is_expired(now),
        };
        let plan = plan(me, alive, &self.leases.iter().map(look).collect::<Vec<_>>());
        let mut held = Vec::new();
        for row in &mut self.leases {
            let ours = row.owner.as_deref() == Some(me);
            let free = row.owner.is_none() || row.is_expired(now);
            if ours && plan.give.contains(&row.shard) {
                (row.owner, row.until) = (None, None);
            } else if (ours && plan.renew.contains(&row.shard)) || (free && plan.take.contains(&row.shard)) {
                (row.owner, row.until) = (Some(me.to_owned()), Some(now.plus(ttl)));
                held.push(row.shard);
            }
        }
        held
    }

    /// The instance ends: everything it holds is free at once.
    pub fn leave_shards(&mut self, me: &str) {
        self.instances.remove(me);
        for row in self.leases.iter_mut().filter(|row| row.owner.as_deref() == Some(me)) {
            (row.owner, row.until) = (None, None);
        }
    }

    /// Time goes by without a renewal: what the instance holds, shards and intents, may be taken by others.
    pub fn run_out(&mut self, me: &str) {
        self.instances.remove(me);
        for row in self.leases.iter_mut().filter(|row| row.owner.as_deref() == Some(me)) {
            row.until = None;
        }
        self.run_out_intents(me);
    }

    /// All shards.
    pub fn leases(&self) -> &[LeaseRow] {
        &self.leases
    }
}
