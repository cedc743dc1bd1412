//! The rules of delivery that live in SQL, once more in memory: positions, inbox, unsent rows, leases, parking, claims. For the
//! simulation; a test does the same to both forms and compares what comes of it.

mod intent;
mod lease;
mod outbox;
mod session;

use std::collections::{BTreeMap, BTreeSet};

use kernel::{EventId, Timestamp};

use crate::core::consumer::{ParkedKind, Position};
use crate::core::transaction::{DeadLetter, Move, ParkedKeys};

pub use intent::IntentRow;
pub use lease::LeaseRow;
pub use outbox::OutboxRow;
pub use session::{Session, Tables};

/// What messaging keeps in the database of a service.
#[derive(Clone, Debug)]
pub struct Database<E> {
    positions: Vec<(String, i32, Position)>,
    inbox: BTreeSet<EventId>,
    outbox: BTreeMap<i64, OutboxRow<E>>,
    last_row: i64,
    intents: BTreeMap<i64, IntentRow>,
    last_intent: i64,
    letters: BTreeMap<(String, i32, i64), Letter>,
    leases: Vec<LeaseRow>,
    instances: BTreeMap<String, Timestamp>,
}

/// A parked record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Key as it was.
    pub key: Option<Vec<u8>>,
    /// Why it was parked.
    pub kind: ParkedKind,
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

    /// Moves partitions from where somebody believes they are: all, or none when one of them is somewhere else.
    pub fn advance(&mut self, moves: &[Move<'_>]) -> bool {
        let holds = |one: &Move<'_>| {
            self.position(one.topic, one.partition).is_some_and(|position| position.next_offset == one.from)
        };
        if !moves.iter().all(holds) {
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

    /// Writes ids to the inbox and returns those that were not there.
    pub fn unseen(&mut self, ids: impl IntoIterator<Item = EventId>) -> BTreeSet<EventId> {
        ids.into_iter().filter(|id| self.inbox.insert(*id)).collect()
    }

    /// Which of these keys, each of the topic beside it, have parked records.
    pub fn parked_keys(&self, topics: &[&str], keys: &[&[u8]]) -> ParkedKeys {
        let mut parked = ParkedKeys::new();
        for ((topic, _, _), letter) in &self.letters {
            let Some(key) = &letter.key else { continue };
            if topics.iter().zip(keys).any(|wanted| wanted == (&topic.as_str(), &key.as_slice())) {
                parked.entry(topic.clone()).or_default().insert(key.clone());
            }
        }
        parked
    }

    /// Parks a record; one that is parked already stays as it is.
    pub fn park(&mut self, letter: &DeadLetter<'_>) {
        let place = (letter.topic.to_owned(), letter.partition, letter.offset);
        let parked = Letter { key: letter.key.map(<[u8]>::to_vec), kind: letter.parking.kind };
        self.letters.entry(place).or_insert(parked);
    }

    /// What is parked, by topic, partition and offset.
    pub fn letters(&self) -> &BTreeMap<(String, i32, i64), Letter> {
        &self.letters
    }
}
