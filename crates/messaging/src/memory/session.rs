//! A transaction in memory.

use std::collections::{BTreeSet, HashSet};

use kernel::{Event, EventId, Timestamp};

use super::{Database, day};
use crate::core::transaction::{DeadLetter, Erasure, Move, ParkedKeys, Transaction};
use crate::outbox::{Decided, Unsent};
use crate::{Handler, Intent, StoreError};

/// A service's own tables: what its [`crate::Repository`] is in Postgres.
pub trait Tables<H: Handler>: Send {
    /// Loads aggregates; one that is not there yet is part of `Loaded` too. `messaging` stands in the same database.
    fn load(&self, messaging: &Database<H::Event>, keys: &BTreeSet<H::Key>) -> H::Loaded;

    /// Writes what changed.
    fn save(&mut self, loaded: H::Loaded);
}

/// A transaction: what is done in it is there at once, and nobody else looks before it ends. [`Session::roll_back`] is for
/// batches that are refused, which happens before anything is saved.
pub struct Session<'a, E, T> {
    /// Whose.
    pub instance: &'a str,
    /// What messaging keeps.
    pub database: &'a mut Database<E>,
    /// What the service keeps.
    pub tables: &'a mut T,
    /// Positions and inbox ids to take back.
    undo: Vec<(String, i32, crate::core::consumer::Position)>,
    noted: BTreeSet<(EventId, i64)>,
}

impl<'a, E, T> Session<'a, E, T> {
    /// Begins one.
    pub fn begin(instance: &'a str, database: &'a mut Database<E>, tables: &'a mut T) -> Self {
        Self { instance, database, tables, undo: Vec::new(), noted: BTreeSet::new() }
    }

    /// Takes back what a batch did until it was refused.
    pub fn roll_back(self) {
        for (topic, partition, before) in self.undo {
            let mut known = self.database.positions.iter_mut();
            if let Some(known) = known.find(|known| known.0 == topic && known.1 == partition) {
                known.2 = before;
            }
        }
        self.database.inbox.retain(|id| !self.noted.contains(id));
    }
}

impl<H: Handler, T: Tables<H>> Transaction<H> for Session<'_, H::Event, T> {
    async fn advance(&mut self, moves: &[Move<'_>]) -> Result<bool, StoreError> {
        let before = moves.iter().filter_map(|one| {
            let position = self.database.position(one.topic, one.partition)?;
            Some((one.topic.to_owned(), one.partition, position))
        });
        self.undo = before.collect();
        Ok(self.database.advance(moves))
    }

    async fn parked_keys(&mut self, topics: &[&str], keys: &[&[u8]]) -> Result<ParkedKeys, StoreError> {
        Ok(self.database.parked_keys(topics, keys))
    }

    async fn unseen(&mut self, events: &[(EventId, Timestamp)]) -> Result<BTreeSet<EventId>, StoreError> {
        let rows = events.iter().map(|(id, time)| (*id, day(*time)));
        self.noted = rows.filter(|row| !self.database.inbox.contains(row)).collect();
        Ok(self.database.unseen(events))
    }

    async fn load(&mut self, keys: &BTreeSet<H::Key>) -> Result<H::Loaded, StoreError> {
        Ok(self.tables.load(self.database, keys))
    }

    async fn save(&mut self, loaded: H::Loaded) -> Result<(), StoreError> {
        self.tables.save(loaded);
        Ok(())
    }

    async fn write(&mut self, decided: Vec<Decided<H::Event>>) -> Result<Unsent, StoreError> {
        self.database.append(&decided);
        self.database.change_intents(&decided);
        let topics = || decided.iter().flat_map(|one| &one.effects.events).map(|one| one.event.topic());
        Ok(Unsent {
            events: topics().any(|topic| !H::Event::is_compacted(topic)),
            compacted: topics().any(H::Event::is_compacted),
            intents: decided.iter().any(|one| !one.effects.intents.is_empty()),
        })
    }

    async fn park(&mut self, letter: DeadLetter<'_>, _: Timestamp) -> Result<(), StoreError> {
        self.database.park(&letter);
        Ok(())
    }

    async fn erase(&mut self, erasures: &[Erasure<'_>], _: Timestamp) -> Result<(), StoreError> {
        self.database.erase(erasures);
        Ok(())
    }

    async fn end(&mut self, intents: &[&Intent]) -> Result<HashSet<i64>, StoreError> {
        Ok(self.database.end_intents(self.instance, intents))
    }

    async fn put_back(&mut self, due: &[(&Intent, Timestamp)], _: Timestamp) -> Result<(), StoreError> {
        self.database.put_back_intents(self.instance, due);
        Ok(())
    }
}
