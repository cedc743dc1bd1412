//! The rules of delivery that live in SQL, once more in memory: positions, inbox, unsent rows, leases, parking, claims. For the
//! simulation; a test does the same to both forms and compares what comes of it.

#[cfg(test)]
mod equal_tests;
mod intent;
mod lease;
mod outbox;
mod session;

use std::collections::{BTreeMap, BTreeSet};

use kernel::{EventId, Timestamp};

use crate::core::consumer::{ParkedKind, Position};
use crate::core::transaction::{DeadLetter, Erasure, Move, ParkedKeys};

pub use intent::IntentRow;
pub use lease::LeaseRow;
pub use outbox::OutboxRow;
pub use session::{Session, Tables};

/// What messaging keeps in the database of a service.
#[derive(Clone, Debug)]
pub struct Database<E> {
    positions: Vec<(String, i32, Position)>,
    /// With the day of the event's own time, in days since the epoch.
    inbox: BTreeSet<(EventId, i64)>,
    outbox: BTreeMap<i64, OutboxRow<E>>,
    last_row: i64,
    intents: BTreeMap<i64, IntentRow>,
    last_intent: i64,
    letters: BTreeMap<(String, i32, i64), Letter>,
    leases: Vec<LeaseRow>,
    instances: BTreeMap<String, Timestamp>,
}

/// A record that was parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Key as it was.
    pub key: Option<Vec<u8>>,
    /// Why it was parked.
    pub kind: ParkedKind,
    /// When it could be read.
    pub event_id: Option<EventId>,
    /// Value as it was; none of a null value, nor when its key was erased.
    pub value: Option<Vec<u8>>,
    /// It never has an effect.
    pub is_discarded: bool,
}

impl<E> Default for Database<E> {
    fn default() -> Self {
        Self {
            positions: Vec::new(),
            inbox: BTreeSet::new(),
            outbox: BTreeMap::new(),
            last_row: 0,
            intents: BTreeMap::new(),
            last_intent: 0,
            letters: BTreeMap::new(),
            leases: lease::all_free(),
            instances: BTreeMap::new(),
        }
    }
}

fn day(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(24 * 60 * 60 * 1_000_000)
}

impl<E> Database<E> {
    /// The position of a partition, made at `low` when it was never read.
    pub fn load_or_begin(&mut self, topic: &str, partition: i32, low: i64) -> Position {
        if let Some(position) = self.position(topic, partition) {
            return position;
        }
        let position = Position { next_offset: low, last_event_id: None, last_event_time: None };
        self.positions.push((topic.to_owned(), partition, position));
        position
    }

    /// The position of a partition that was read.
    pub fn position(&self, topic: &str, partition: i32) -> Option<Position> {
        self.positions.iter().find(|one| one.0 == topic && one.1 == partition).map(|one| one.2)
    }

    /// Moves partitions from where somebody believes they are: all, or none when one of them is somewhere else, or named twice.
    pub fn advance(&mut self, moves: &[Move<'_>]) -> bool {
        let partitions: BTreeSet<_> = moves.iter().map(|one| (one.topic, one.partition)).collect();
        let holds = |one: &Move<'_>| {
            self.position(one.topic, one.partition).is_some_and(|position| position.next_offset == one.from)
        };
        if partitions.len() < moves.len() || !moves.iter().all(holds) {
            return false;
        }
        for one in moves {
            let mut known = self.positions.iter_mut();
            if let Some(known) = known.find(|known| known.0 == one.topic && known.1 == one.partition) {
                known.2 = one.to;
            }
        }
        true
    }

    /// Writes ids to the inbox, each under the day of its event's own time, and returns those that were not there. One that was
    /// discarded is never new.
    pub fn unseen(&mut self, events: &[(EventId, Timestamp)]) -> BTreeSet<EventId> {
        let discarded = self.letters.values().filter(|letter| letter.is_discarded);
        let discarded: BTreeSet<EventId> = discarded.filter_map(|letter| letter.event_id).collect();
        let events = events.iter().filter(|(id, _)| !discarded.contains(id));
        let fresh = events.filter(|(id, time)| self.inbox.insert((*id, day(*time))));
        fresh.map(|(id, _)| *id).collect()
    }

    /// Which of these keys, each of the topic beside it, have parked records.
    pub fn parked_keys(&self, topics: &[&str], keys: &[&[u8]]) -> ParkedKeys {
        let mut parked = ParkedKeys::new();
        for ((topic, _, _), letter) in &self.letters {
            let Some(key) = letter.key.as_ref().filter(|_| !letter.is_discarded) else { continue };
            if topics.iter().zip(keys).any(|wanted| wanted == (&topic.as_str(), &key.as_slice())) {
                parked.entry(topic.clone()).or_default().insert(key.clone());
            }
        }
        parked
    }

    /// Parks a record; one that is parked already stays as it is.
    pub fn park(&mut self, letter: &DeadLetter<'_>) {
        let place = (letter.topic.to_owned(), letter.partition, letter.offset);
        let parked = Letter {
            key: letter.key.map(<[u8]>::to_vec),
            kind: letter.parking.kind,
            event_id: letter.event_id,
            value: letter.value.map(<[u8]>::to_vec),
            is_discarded: false,
        };
        self.letters.entry(place).or_insert(parked);
    }

    /// Empties the letters that are older than each of these, and discards them.
    pub fn erase(&mut self, erasures: &[Erasure<'_>]) {
        for ((topic, partition, offset), letter) in &mut self.letters {
            let is_older = |one: &Erasure<'_>| {
                one.topic == topic
                    && letter.key.as_deref() == Some(one.key)
                    && (one.partition != *partition || *offset < one.offset)
            };
            if erasures.iter().any(is_older) {
                letter.value = None;
                letter.is_discarded = true;
            }
        }
    }

    /// What was parked, by topic, partition and offset.
    pub fn letters(&self) -> &BTreeMap<(String, i32, i64), Letter> {
        &self.letters
    }
}
