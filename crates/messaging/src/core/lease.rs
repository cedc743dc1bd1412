//! Which shards an instance holds, renews, gives back or takes, so that several instances share the work.

/// One shard as the table shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The shard.
    pub shard: i16,
    /// Whose it was last.
    pub owner: Option<String>,
    /// True when nobody holds it any more.
    pub expired: bool,
}

/// What to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Ours, to be renewed.
    pub renew: Vec<i16>,
    /// Free ones, to be taken if they still are free when written.
    pub take: Vec<i16>,
    /// Ours, beyond our fair share, to be given back.
    pub give: Vec<i16>,
}

/// The plan of `me` among `alive` instances (itself included).
pub fn plan(me: &str, alive: usize, leases: &[Lease]) -> Plan {
    let share = leases.len().div_ceil(alive.max(1));
    let (mine, others): (Vec<_>, Vec<_>) =
        leases.iter().partition(|lease| lease.owner.as_deref() == Some(me));
    let mut renew: Vec<i16> = mine.iter().map(|lease| lease.shard).collect();
    let give = if renew.len() > share { renew.split_off(share) } else { Vec::new() };
    let free = others.iter().filter(|lease| lease.expired || lease.owner.is_none()).map(|lease| lease.shard);
    let take = free.take(share.saturating_sub(renew.len())).collect();
    Plan { renew, take, give }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(shard: i16, owner: Option<&str>, expired: bool) -> Lease {
        Lease { shard, owner: owner.map(Into::into), expired }
    }

    #[test]
    fn a_lone_instance_takes_everything_that_is_free() {
        let leases = [lease(0, None, true), lease(1, Some("dead"), true), lease(2, Some("alive"), false)];
        assert_eq!(plan("me", 1, &leases), Plan { take: vec![0, 1], ..Plan::default() });
    }

    #[test]
    fn a_second_instance_gets_its_fair_share() {
        let leases: Vec<_> = (0..5).map(|shard| lease(shard, Some("me"), false)).collect();
        assert_eq!(
            plan("me", 2, &leases),
            Plan { renew: vec![0, 1, 2], give: vec![3, 4], ..Plan::default() }
        );
        assert_eq!(
            plan("you", 2, &leases),
            Plan::default(),
            "nothing is taken before it is given or expired"
        );
    }
}
