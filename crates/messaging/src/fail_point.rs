//! Places where a test lets the process end as by `kill -9`: `FAIL_POINT=batch_committed:20` ends it when it comes there for the
//! twentieth time. In a release build there are none, unless it is built with the feature `fail-points`.
//!
//! Own lines rather than the crate `fail`: its actions (panic, return, sleep) unwind or stay in the process, none of them ends it
//! with nothing tidied up, and its newest version is of 2022.

use std::sync::Arc;

use kernel::Clock;

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailPoint {
    /// Orders are written, not committed.
    OrdersCommitting,
    /// Orders are committed, and nobody was answered.
    OrdersCommitted,
    /// What another request changes is written, not committed.
    RequestCommitting,
    /// It is committed, and the caller was not answered.
    RequestCommitted,
    /// Overdue orders are cancelled, not committed.
    SweepCommitting,
    /// They are committed.
    SweepCommitted,
    /// The position of a partition is moved, nothing else done.
    PositionMoved,
    /// A batch of records is handled, not committed.
    BatchCommitting,
    /// It is committed, and nobody here knows.
    BatchCommitted,
    /// A record is on its way to the broker.
    RecordSent,
    /// The broker has it, its row is still there.
    RecordAcked,
    /// Rows of records are deleted.
    RowsDeleted,
    /// Records of compacted topics are committed at the broker, their rows still there.
    CompactedCommitted,
    /// Calls are about to be claimed.
    IntentsClaiming,
    /// Calls are claimed, none made.
    IntentsClaimed,
    /// A call to the outside is about to be made.
    CallMaking,
    /// It was answered.
    CallMade,
    /// What came of calls is written, not committed.
    IntentsConcluding,
    /// It is committed.
    IntentsConcluded,
}

impl FailPoint {
    /// Each of them.
    pub const ALL: [Self; 19] = [
        Self::OrdersCommitting,
        Self::OrdersCommitted,
        Self::RequestCommitting,
        Self::RequestCommitted,
        Self::SweepCommitting,
        Self::SweepCommitted,
        Self::PositionMoved,
        Self::BatchCommitting,
        Self::BatchCommitted,
        Self::RecordSent,
        Self::RecordAcked,
        Self::RowsDeleted,
        Self::CompactedCommitted,
        Self::IntentsClaiming,
        Self::IntentsClaimed,
        Self::CallMaking,
        Self::CallMade,
        Self::IntentsConcluding,
        Self::IntentsConcluded,
    ];

    /// As `FAIL_POINT` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OrdersCommitting => "orders_committing",
            Self::OrdersCommitted => "orders_committed",
            Self::RequestCommitting => "request_committing",
            Self::RequestCommitted => "request_committed",
            Self::SweepCommitting => "sweep_committing",
            Self::SweepCommitted => "sweep_committed",
            Self::PositionMoved => "position_moved",
            Self::BatchCommitting => "batch_committing",
            Self::BatchCommitted => "batch_committed",
            Self::RecordSent => "record_sent",
            Self::RecordAcked => "record_acked",
            Self::RowsDeleted => "rows_deleted",
            Self::CompactedCommitted => "compacted_committed",
            Self::IntentsClaiming => "intents_claiming",
            Self::IntentsClaimed => "intents_claimed",
            Self::CallMaking => "call_making",
            Self::CallMade => "call_made",
            Self::IntentsConcluding => "intents_concluding",
            Self::IntentsConcluded => "intents_concluded",
        }
    }

    /// The process is here: it ends, if it was told to.
    #[inline]
    pub fn reach(self) {
        #[cfg(any(feature = "fail-points", debug_assertions))]
        armed::reach(self);
    }
}

/// The clock of a service: the machine's. Where there are fail points, `CLOCK_AHEAD_S` sets it that many seconds ahead.
pub fn clock() -> Arc<dyn Clock> {
    #[cfg(any(feature = "fail-points", debug_assertions))]
    if let Some(ahead) = armed::ahead() {
        return ahead;
    }
    Arc::new(kernel::clock::SystemClock)
}

#[cfg(any(feature = "fail-points", debug_assertions))]
mod armed {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, OnceLock};
    use std::time::Duration;

    use kernel::clock::SystemClock;
    use kernel::{Clock, Timestamp};
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::FailPoint;

    /// Where, and how often it may still be passed.
    struct Armed(&'static str, AtomicU32);

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    pub(super) fn reach(point: FailPoint) {
        let Some(Armed(name, left)) = ARMED.get_or_init(told).as_ref() else { return };
        if *name == point.name() && left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let _ended = kill(Pid::this(), Signal::SIGKILL);
        }
    }

    fn told() -> Option<Armed> {
        let (name, times) = parse(&std::env::var("FAIL_POINT").ok()?)?;
        Some(Armed(name, AtomicU32::new(times)))
    }

    /// `name` or `name:times`.
    pub(super) fn parse(text: &str) -> Option<(&'static str, u32)> {
        let (name, times) = text.split_once(':').unwrap_or((text, "1"));
        let point = FailPoint::ALL.into_iter().find(|point| point.name() == name)?;
        Some((point.name(), times.parse().ok().filter(|&times| times > 0)?))
    }

    struct Ahead(Duration);

    impl Clock for Ahead {
        fn now(&self) -> Timestamp {
            SystemClock.now().plus(self.0)
        }
    }

    pub(super) fn ahead() -> Option<Arc<dyn Clock>> {
        let seconds = std::env::var("CLOCK_AHEAD_S").ok()?.parse().ok()?;
        Some(Arc::new(Ahead(Duration::from_secs(seconds))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_told_by_its_name_and_how_often_it_may_be_passed() {
        for point in FailPoint::ALL {
            assert_eq!(armed::parse(point.name()), Some((point.name(), 1)));
            assert_eq!(armed::parse(&format!("{}:20", point.name())), Some((point.name(), 20)));
        }
        for wrong in ["", "nowhere", "batch_committed:0", "batch_committed:x", ":1"] {
            assert_eq!(armed::parse(wrong), None, "{wrong}");
        }
    }
}
