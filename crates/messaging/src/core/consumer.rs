//! How one partition is read: where to start, how many records to try at once, what to do when a try fails.

use std::any::Any;
use std::time::Duration;

use kernel::{EventId, Timestamp};

use super::{Backoff, Verdict, panic};

/// A partition as the service's database remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The next record to handle.
    pub next_offset: i64,
    /// `ce_id` of the last record before it; `None` when that has none.
    pub last_event_id: Option<EventId>,
    /// `ce_time` of the last record before it.
    pub last_event_time: Option<Timestamp>,
}

/// Where to begin after an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Read from here; records below the position are only looked at to recognise the topic.
    From(i64),
    /// The topic is not the one that was read before, or has lost what was not read yet. Nothing is skipped in silence.
    Refuse(String),
}

/// Compares the position with what the broker has (`low` ≤ offsets < `high`).
pub fn start(position: &Position, low: i64, high: i64) -> Start {
    let next = position.next_offset;
    if next > high {
        return Start::Refuse(format!(
            "read up to {next}, but the topic ends at {high}: it was made anew, or the broker lost records"
        ));
    }
    if next < low {
        return Start::Refuse(format!(
            "read up to {next}, but the topic begins at {low}: retention removed records that were not read"
        ));
    }
    // One record back: its id tells whether this still is the topic we know.
    Start::From(if position.last_event_id.is_some() { (next - 1).max(low) } else { next })
}

/// A record the domain or the decoder does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parking {
    /// Why, in one word.
    pub kind: ParkedKind,
    /// Why, in a sentence.
    pub reason: String,
}

impl Parking {
    /// Code of the service panicked at the record.
    pub fn panicked(panic: &(dyn Any + Send)) -> Self {
        Self { kind: ParkedKind::Panicked, reason: panic::said(panic) }
    }

    /// Not an event.
    pub fn undecodable(reason: String) -> Self {
        Self { kind: ParkedKind::Undecodable, reason }
    }
}

/// Why a record is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParkedKind {
    /// Not an event.
    Undecodable,
    /// Against a rule.
    Refused,
    /// The handler panicked.
    Panicked,
    /// Failed too often.
    Failed,
    /// An earlier record of its key is parked.
    Behind,
}

impl ParkedKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Undecodable, Self::Refused, Self::Panicked, Self::Failed, Self::Behind];

    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Refused => "refused",
            Self::Panicked => "panicked",
            Self::Failed => "failed",
            Self::Behind => "behind",
        }
    }
}

/// What a try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed.
    Committed,
    /// The fence did not hold: the position in the database is another one.
    Moved,
    /// An error, and what kind it is.
    Failed(Verdict, String),
    /// The domain refused, or panicked, at this record.
    Refused(Parking),
    /// It shared a transaction with records of other partitions, and that failed for any of them.
    Apart,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again at once.
    Go,
    /// Try again after this.
    Wait(Duration),
    /// Load the position first.
    Reload,
}

/// The next try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// As many records at most.
    pub records_max: usize,
    /// Not together with records of other partitions: they must not wait for what fails here.
    pub apart: bool,
    /// The first one is not handled but parked.
    pub park: Option<Parking>,
}

/// One assigned partition.
#[derive(Clone, Debug)]
pub struct Partition {
    next: i64,
    /// As many records are tried at once: half as many after each try that failed for one of them, twice as many after each
    /// that did not. So a record that fails is found in a number of tries that grows with the logarithm of the batch.
    together: usize,
    /// Records before this one are tried without those of other partitions.
    apart_until: Option<i64>,
    failures: u32,
    /// Tries of the current record alone that did not pass, outages aside.
    tries: u32,
    park: Option<Parking>,
    batch_max: usize,
    attempts_max: u32,
    backoff: Backoff,
}

impl Partition {
    /// Reads on from `next`.
    pub fn new(next: i64, batch_max: usize, attempts_max: u32, backoff: Backoff) -> Self {
        Self {
            next,
            together: batch_max,
            apart_until: None,
            failures: 0,
            tries: 0,
            park: None,
            batch_max,
            attempts_max,
            backoff,
        }
    }

    /// The offset the next try begins at; the fence compares it with the database.
    pub fn next_offset(&self) -> i64 {
        self.next
    }

    /// Tries of the current record so far.
    pub fn attempts(&self) -> u32 {
        self.tries.max(1)
    }

    /// The next try.
    pub fn attempt(&self) -> Attempt {
        Attempt {
            records_max: if self.park.is_some() { 1 } else { self.together },
            apart: self.together < self.batch_max || self.park.is_some() || self.apart_until.is_some(),
            park: self.park.clone(),
        }
    }

    /// The position was loaded again.
    pub fn reloaded(&mut self, next: i64) {
        self.moved_to(next);
    }

    /// Takes in what a try of `records` records, ending at offset `end` (exclusive), came to.
    pub fn tried(&mut self, records: usize, end: i64, outcome: Outcome, jitter: f64) -> Next {
        if !matches!(outcome, Outcome::Committed | Outcome::Moved) {
            self.apart_until = self.apart_until.max(Some(end));
        }
        match outcome {
            Outcome::Committed => {
                if self.park.is_none() {
                    self.together = self.together.saturating_mul(2).min(self.batch_max);
                }
                self.moved_to(end);
                Next::Go
            }
            Outcome::Moved => Next::Reload,
            Outcome::Apart => Next::Go,
            Outcome::Failed(Verdict::Outage, _) => self.wait(jitter),
            // It cannot even be parked: nothing is skipped, the partition waits.
            Outcome::Failed(Verdict::Fault, _) | Outcome::Refused(_) if self.park.is_some() => {
                self.wait(jitter)
            }
            Outcome::Failed(Verdict::Fault, _) | Outcome::Refused(_) if records > 1 => {
                self.together = records / 2;
                Next::Go
            }
            Outcome::Refused(parking) => {
                self.tries += 1;
                self.park = Some(parking);
                Next::Go
            }
            Outcome::Failed(Verdict::Fault, reason) => {
                self.tries += 1;
                if self.tries >= self.attempts_max {
                    self.park = Some(Parking { kind: ParkedKind::Failed, reason });
                    return Next::Go;
                }
                self.wait(jitter)
            }
        }
    }

    fn wait(&mut self, jitter: f64) -> Next {
        self.failures = self.failures.saturating_add(1);
        Next::Wait(self.backoff.after(self.failures, jitter))
    }

    fn moved_to(&mut self, next: i64) {
        self.next = next;
        self.failures = 0;
        self.tries = 0;
        self.park = None;
        self.apart_until = self.apart_until.filter(|&end| next < end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> Partition {
        let backoff = Backoff { base: Duration::from_millis(10), cap: Duration::from_millis(40) };
        Partition::new(100, 50, 3, backoff)
    }

    fn fault() -> Outcome {
        Outcome::Failed(Verdict::Fault, "broken".into())
    }

    fn refused() -> Parking {
        Parking { kind: ParkedKind::Refused, reason: "no".into() }
    }

    #[test]
    fn an_outage_waits_for_ever_and_skips_nothing() {
        let mut partition = partition();
        for _ in 0..1_000 {
            let next = partition.tried(50, 150, Outcome::Failed(Verdict::Outage, "away".into()), 1.0);
            assert!(matches!(next, Next::Wait(wait) if wait <= Duration::from_millis(40)));
        }
        assert_eq!((partition.next_offset(), partition.attempt().records_max), (100, 50));
    }

    #[test]
    fn a_refusal_in_a_batch_is_found_by_halving_and_only_that_record_is_parked() {
        let mut partition = partition();
        assert_eq!(partition.tried(3, 103, Outcome::Refused(refused()), 1.0), Next::Go);
        assert_eq!(partition.attempt(), Attempt { records_max: 1, apart: true, park: None });
        partition.tried(1, 101, Outcome::Committed, 1.0);
        assert_eq!(partition.tried(2, 103, Outcome::Refused(refused()), 1.0), Next::Go);
        partition.tried(1, 102, Outcome::Refused(refused()), 1.0);
        assert_eq!(partition.attempt(), Attempt { records_max: 1, apart: true, park: Some(refused()) });
        partition.tried(1, 102, Outcome::Committed, 1.0);
        assert_eq!(partition.attempt(), Attempt { records_max: 1, apart: true, park: None });
        partition.tried(1, 103, Outcome::Committed, 1.0);
        assert_eq!(partition.attempt(), Attempt { records_max: 2, apart: true, park: None });
    }

    /// How many tries it takes to get past `records` records of which the domain refuses those for which `bad` holds.
    fn tries(records: i64, bad: impl Fn(i64) -> bool) -> usize {
        let backoff = Backoff { base: Duration::from_millis(10), cap: Duration::from_millis(40) };
        let mut partition = Partition::new(0, 500, 3, backoff);
        for tries in 0..10_000 {
            let begin = partition.next_offset();
            if begin == records {
                return tries;
            }
            let Attempt { records_max, park, .. } = partition.attempt();
            let end = records.min(begin + i64::try_from(records_max).unwrap());
            let refuses = park.is_none() && (begin..end).any(&bad);
            let outcome = if refuses { Outcome::Refused(refused()) } else { Outcome::Committed };
            partition.tried(usize::try_from(end - begin).unwrap(), end, outcome, 1.0);
        }
        panic!("never past them")
    }

    #[test]
    fn one_bad_record_among_500_costs_few_tries_wherever_it_is_and_500_of_them_two_each() {
        let worst = (0..500).map(|offset| tries(500, |at| at == offset)).max().unwrap();
        assert!(worst <= 4 * 9, "{worst}: 500 is halved nine times");
        let all = tries(500, |_| true);
        assert!(all <= 2 * 500 + 10, "{all}");
    }

    #[test]
    fn what_failed_together_is_tried_apart_until_it_is_past() {
        let mut partition = partition();
        assert!(!partition.attempt().apart);
        assert_eq!(partition.tried(20, 120, Outcome::Apart, 1.0), Next::Go);
        assert_eq!(partition.attempt(), Attempt { records_max: 50, apart: true, park: None });
        partition.tried(10, 110, Outcome::Committed, 1.0);
        assert!(partition.attempt().apart);
        partition.tried(10, 120, Outcome::Committed, 1.0);
        assert!(!partition.attempt().apart);
        partition.tried(10, 130, Outcome::Failed(Verdict::Outage, "away".into()), 1.0);
        assert!(partition.attempt().apart, "nobody waits for what is away for this one");
    }

    #[test]
    fn a_record_that_fails_too_often_is_parked() {
        let mut partition = partition();
        assert!(matches!(partition.tried(1, 101, fault(), 1.0), Next::Wait(_)));
        assert!(matches!(partition.tried(1, 101, fault(), 1.0), Next::Wait(_)));
        assert_eq!(partition.tried(1, 101, fault(), 1.0), Next::Go);
        assert_eq!(partition.attempt().park.map(|parking| parking.kind), Some(ParkedKind::Failed));
        assert_eq!(partition.attempts(), 3);
    }

    #[test]
    fn a_record_that_cannot_even_be_parked_waits_and_is_not_skipped() {
        let mut partition = partition();
        partition.tried(1, 101, Outcome::Refused(refused()), 1.0);
        assert!(matches!(partition.tried(1, 101, fault(), 1.0), Next::Wait(_)));
        assert_eq!(partition.attempt(), Attempt { records_max: 1, apart: true, park: Some(refused()) });
        assert_eq!((partition.next_offset(), partition.attempts()), (100, 1));
    }

    #[test]
    fn a_position_that_moved_is_loaded_before_anything_else() {
        let mut partition = partition();
        assert_eq!(partition.tried(50, 150, Outcome::Moved, 1.0), Next::Reload);
        partition.reloaded(150);
        assert_eq!(partition.next_offset(), 150);
    }

    #[test]
    fn a_topic_made_anew_or_cut_is_refused() {
        let position = Position { next_offset: 10, last_event_id: None, last_event_time: None };
        assert_eq!(start(&position, 0, 10), Start::From(10));
        assert!(matches!(start(&position, 0, 9), Start::Refuse(_)));
        assert!(matches!(start(&position, 11, 20), Start::Refuse(_)));
        let known = Position { last_event_id: Some(EventId(uuid::Uuid::nil())), ..position };
        assert_eq!(start(&known, 0, 20), Start::From(9));
        assert_eq!(start(&known, 10, 20), Start::From(10));
    }
}
