//! Draws operations: mostly such as the store makes, and among them those that come too late, twice or from the wrong one.

use std::time::Duration;

use kernel::{EventId, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use uuid::Uuid;

use super::note::{Note, TOPICS};
use super::operation::{Erased, Letter, Moved, Operation};
use crate::core::COMPACTED_SHARD;
use crate::core::consumer::{ParkedKind, Parking, Position};
use crate::memory::Database;
use crate::outbox::{Cause, Decided};
use crate::{Effects, Intent, IntentChange, NewIntent, Outgoing, TraceContext};

const INSTANCES: [&str; 3] = ["one", "two", "three"];
const WORKERS: [&str; 2] = ["one", "two"];
/// It has run out when the next operation looks, or runs on to the end.
const LEASES: [Duration; 2] = [Duration::ZERO, Duration::from_hours(1)];

/// Draws, and remembers what workers were given.
pub struct Draw {
    rng: StdRng,
    /// Every claim there was and whose, those also that are over.
    pub claimed: Vec<(&'static str, Intent)>,
    drawn: i64,
}

impl Draw {
    pub fn of(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), claimed: Vec::new(), drawn: 0 }
    }

    /// The next one, for what stands in `database`.
    pub fn operation(&mut self, database: &Database<Note>, now: Timestamp) -> Operation {
        match self.below(27) {
            0 | 1 => Operation::Begin {
                topic: self.one_of(&TOPICS),
                partition: self.partition(),
                low: self.below(9),
            },
            2 | 3 => Operation::Advance(self.moves(database, now)),
            4 => Operation::RollBack { moves: self.moves(database, now), events: self.events(now) },
            5 | 6 => Operation::Unseen(self.events(now)),
            7..=10 => Operation::Write((0..=self.below(3)).map(|_| self.decided(now)).collect()),
            11..=13 => self.exchange(database),
            14 | 15 => Operation::ClaimShards { me: self.one_of(&INSTANCES), ttl: self.one_of(&LEASES) },
            16 => Operation::LeaveShards { me: self.one_of(&INSTANCES) },
            17 => Operation::Open((0..self.below(4)).map(|_| self.key()).collect()),
            18 | 19 => self.claim(database, now),
            20..=23 => self.of_claimed(now),
            24 => Operation::Park(self.letter()),
            25 => Operation::Erase((0..self.below(3)).map(|_| self.erased()).collect()),
            _ => Operation::ParkedKeys(
                (0..self.below(4)).map(|_| (self.one_of(&TOPICS), self.key().into_bytes())).collect(),
            ),
        }
    }

    fn below(&mut self, end: i64) -> i64 {
        self.rng.random_range(0..end)
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.rng.random_range(0..values.len())]
    }

    fn partition(&mut self) -> i32 {
        self.rng.random_range(0..3)
    }

    fn key(&mut self) -> String {
        format!("key-{}", self.below(5))
    }

    /// Seconds from now, and a microsecond no other has: which of two that are due at the same instant is claimed first is
    /// up to Postgres.
    fn time(&mut self, now: Timestamp) -> Timestamp {
        self.drawn += 1;
        let micros = now.as_micros() + (self.below(26) - 5) * 1_000_000 + self.drawn;
        Timestamp::from_micros(micros).unwrap()
    }

    /// One of a few, so that many come again.
    fn event(&mut self) -> EventId {
        EventId(Uuid::from_u128(u128::try_from(self.below(40)).unwrap()))
    }

    /// Each with its own time, some with another one than the last time, on another day.
    fn events(&mut self, now: Timestamp) -> Vec<(EventId, Timestamp)> {
        let count = self.below(5);
        let mut event = || {
            let id = self.event();
            let days = if self.rng.random_bool(0.9) { 0 } else { self.below(3) };
            (id, now.plus(Duration::from_hours(24) * u32::try_from(days).unwrap()))
        };
        (0..count).map(|_| event()).collect()
    }

    /// From where the partitions are; now and then from elsewhere, the same twice, or one nobody has read.
    fn moves(&mut self, database: &Database<Note>, now: Timestamp) -> Vec<Moved> {
        let count = self.below(4);
        let mut moves: Vec<Moved> = Vec::new();
        for _ in 0..count {
            let (topic, partition) = (self.one_of(&TOPICS), self.partition());
            let known = database.position(topic, partition);
            let repeated = moves.iter().any(|one| one.topic == topic && one.partition == partition);
            if (known.is_none() || repeated) && self.rng.random_bool(0.9) {
                continue;
            }
            let wrong = i64::from(self.rng.random_bool(0.1));
            let from = known.map_or(0, |known| known.next_offset) + wrong;
            let has_id = self.rng.random_bool(0.8);
            let to = Position {
                next_offset: from + self.below(5),
                last_event_id: has_id.then(|| self.event()),
                last_event_time: has_id.then_some(now),
            };
            moves.push(Moved { topic, partition, from, to });
        }
        moves
    }

    fn decided(&mut self, now: Timestamp) -> Decided<Note> {
        let events = (0..self.below(4)).map(|_| Outgoing {
            id: self.event(),
            sequence: self.below(9),
            event: Note { topic: self.one_of(&TOPICS), key: self.key() },
        });
        let events = events.collect();
        let intents = (0..self.below(3)).map(|_| self.change(now)).collect();
        let event = self.rng.random_bool(0.5).then(|| self.event());
        let traceparent = event.map(|id| format!("trace of {id}"));
        let trace = TraceContext { tracestate: traceparent.clone(), traceparent };
        Decided {
            effects: Effects { events, intents, ignored: None },
            at: now,
            cause: Cause { event, trace },
        }
    }

    fn change(&mut self, now: Timestamp) -> IntentChange {
        let subject = format!("subject-{}", self.below(3));
        match self.below(8) {
            0 => IntentChange::Withdraw { key: self.key() },
            1 | 2 => IntentChange::Wake { subject },
            number => IntentChange::Open(NewIntent {
                key: self.key(),
                kind: self.one_of(&["authorize", "void"]),
                payload: serde_json::json!({ "number": number }),
                subject: self.rng.random_bool(0.5).then_some(subject),
                due_at: self.time(now),
            }),
        }
    }

    fn exchange(&mut self, database: &Database<Note>) -> Operation {
        let mut delete = Vec::new();
        let mut without = Vec::new();
        for row in database.unsent() {
            match self.below(8) {
                0..=2 => delete.push(row.id),
                3 => without.push(row.id),
                _ => {}
            }
        }
        let shards = (0..=COMPACTED_SHARD).filter(|_| self.rng.random_bool(0.6)).collect();
        let limit = self.rng.random_range(0..12);
        Operation::Exchange { delete, shards, without, limit }
    }

    fn claim(&mut self, database: &Database<Note>, now: Timestamp) -> Operation {
        let me = self.one_of(&WORKERS);
        let without: Vec<i64> = self.some_claimed(me).iter().map(|intent| intent.id).collect();
        let claimable = database.claimable(now).into_iter().filter(|id| !without.contains(id));
        let due: Vec<Timestamp> = claimable.map(|id| database.intents[&id].due_at).collect();
        let mut limit = self.rng.random_range(0..4);
        // Woken together they are due at the same instant, and which of them come first is up to Postgres.
        while limit > 0 && limit < due.len() && due[limit - 1] == due[limit] {
            limit += 1;
        }
        Operation::Claim { me, lease: self.one_of(&LEASES), limit, without }
    }

    /// What a worker does with what it has claimed, or once had, or another has.
    fn of_claimed(&mut self, now: Timestamp) -> Operation {
        let me = self.one_of(&WORKERS);
        let some = self.some_claimed(me);
        let ids = some.iter().map(|intent| intent.id).collect();
        match self.below(4) {
            0 => Operation::End { me, intents: some },
            1 => Operation::PutBack {
                me,
                due: some.into_iter().map(|intent| (intent, self.time(now))).collect(),
            },
            2 => Operation::Renew { me, ids, lease: self.one_of(&LEASES) },
            _ => Operation::LeaveIntents { me, untried: ids },
        }
    }

    /// Some of the latest claims, mostly those of `me`, and one of all: of a try that is long over, perhaps.
    fn some_claimed(&mut self, me: &str) -> Vec<Intent> {
        let latest = self.claimed.len().saturating_sub(6);
        let mut some: Vec<Intent> = Vec::new();
        for (whose, intent) in &self.claimed[latest..] {
            if self.rng.random_bool(if *whose == me { 0.6 } else { 0.1 }) {
                some.push(intent.clone());
            }
        }
        if !self.claimed.is_empty() && self.rng.random_bool(0.3) {
            some.push(self.claimed[self.rng.random_range(0..self.claimed.len())].1.clone());
        }
        // Nobody holds two tries of one intent: of those drawn the latest stays.
        some.sort_by_key(|intent| (intent.id, -intent.attempts));
        some.dedup_by_key(|intent| intent.id);
        some
    }

    fn erased(&mut self) -> Erased {
        let (topic, partition) = (self.one_of(&TOPICS), self.partition());
        Erased { topic, partition, offset: self.below(7), key: self.key() }
    }

    fn letter(&mut self) -> Letter {
        let key = self.rng.random_bool(0.9).then(|| self.key().into_bytes());
        let kind = self.one_of(&ParkedKind::ALL);
        Letter {
            topic: self.one_of(&TOPICS),
            partition: self.partition(),
            offset: self.below(6),
            key,
            event: self.event(),
            parking: Parking { kind, reason: "drawn".to_owned() },
        }
    }
}
