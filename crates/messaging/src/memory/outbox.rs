//! Unsent rows.

use std::sync::Arc;

use kernel::{Event, EventId, Timestamp};

use super::Database;
use crate::Outgoing;
use crate::core::relay::Row;
use crate::core::shard_of;
use crate::outbox::Decided;

/// An unsent event.
#[derive(Clone, Debug)]
pub struct OutboxRow<E> {
    /// Row id; of one key in the order of the decisions.
    pub id: i64,
    /// Share of the outbox.
    pub shard: i16,
    /// Topic.
    pub topic: &'static str,
    /// Key.
    pub key: String,
    /// The event.
    pub event: Arc<Outgoing<E>>,
    /// When it was decided.
    pub at: Timestamp,
    /// What caused it.
    pub causation: Option<EventId>,
}

impl<E> OutboxRow<E> {
    /// What the relay needs to know of it.
    pub fn head(&self) -> Row {
        Row { id: self.id, shard: self.shard, key: (self.topic.to_owned(), self.key.clone()) }
    }
}

impl<E: Event> Database<E> {
    /// Appends the events of a batch, in order.
    pub fn append(&mut self, decided: &[Decided<E>]) {
        for one in decided {
            for event in &one.effects.events {
                self.last_row += 1;
                let (topic, key) = (event.event.topic(), event.event.key());
                let row = OutboxRow {
                    id: self.last_row,
                    shard: shard_of(&key, E::is_compacted(topic)),
                    topic,
                    key,
                    event: Arc::new(event.clone()),
                    at: one.at,
                    causation: one.cause.event,
                };
                self.outbox.insert(row.id, row);
            }
        }
    }
}

impl<E> Database<E> {
    /// Deletes acknowledged rows and reads the next unsent ones, by id.
    pub fn exchange(
        &mut self,
        delete: &[i64],
        shards: &[i16],
        without: &[i64],
        limit: usize,
    ) -> Vec<OutboxRow<E>>
    where
        E: Clone,
    {
        for id in delete {
            self.outbox.remove(id);
        }
        let wanted =
            self.outbox.values().filter(|row| shards.contains(&row.shard) && !without.contains(&row.id));
        wanted.take(limit).cloned().collect()
    }

    /// What is not deleted yet.
    pub fn unsent(&self) -> impl Iterator<Item = &OutboxRow<E>> {
        self.outbox.values()
    }
}
