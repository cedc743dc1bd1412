//! What a decision wants to happen besides the new state: events to publish, calls to the outside to make.

use kernel::{Event, EventId, Ids, Sequence, Timestamp};

/// An event that was decided, with its number among those of its topic and key.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing<E> {
    /// `ce_id`, by which every reader recognises a repeat.
    pub id: EventId,
    /// `ce_sequence`: 1, 2, 3… per topic and key.
    pub sequence: i64,
    /// The event.
    pub event: E,
}

/// A call to the outside that must be made after the commit.
#[derive(Clone, Debug, PartialEq)]
pub struct NewIntent {
    /// What it is about; of one key only the oldest open intent is worked on.
    pub key: String,
    /// What to do, a name of the service's own.
    pub kind: &'static str,
    /// What else the call needs.
    pub payload: serde_json::Value,
    /// What it may have to wait for ([`IntentChange::Wake`]), the id of a customer say.
    pub subject: Option<String>,
    /// Not before this instant.
    pub due_at: Timestamp,
}

/// A change to the open intents, made in the same transaction as the state.
#[derive(Clone, Debug, PartialEq)]
pub enum IntentChange {
    /// A new one, behind those of the same key.
    Open(NewIntent),
    /// Drops those of a key that were never tried. The caller holds them locked ([`crate::lock_open`]), so it knows there are any.
    Withdraw {
        /// Their key.
        key: String,
    },
    /// What the intents of a subject waited for is here: they are due now.
    Wake {
        /// Their subject.
        subject: String,
    },
}

/// The result of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Effects<E> {
    /// Events, in the order they were decided.
    pub events: Vec<Outgoing<E>>,
    /// Changes to intents, in order.
    pub intents: Vec<IntentChange>,
    /// Why nothing came of it; counted.
    pub ignored: Option<&'static str>,
}

impl<E> Default for Effects<E> {
    fn default() -> Self {
        Self { events: Vec::new(), intents: Vec::new(), ignored: None }
    }
}

impl<E: Event> Effects<E> {
    /// Only the state changed.
    pub fn none() -> Self {
        Self::default()
    }

    /// Nothing changed, for a reason of the domain. Success, not an error.
    pub fn ignored(reason: &'static str) -> Self {
        Self { ignored: Some(reason), ..Self::default() }
    }

    /// Adds an event under the next number of its topic and key; returns its id.
    pub fn publish(&mut self, ids: &dyn Ids, sequence: &mut Sequence, event: impl Into<E>) -> EventId {
        let id = EventId(ids.next());
        self.events.push(Outgoing { id, sequence: sequence.advance(), event: event.into() });
        id
    }

    /// Adds a call to the outside.
    pub fn intend(&mut self, intent: NewIntent) {
        self.intents.push(IntentChange::Open(intent));
    }

    /// Puts what `later` wants behind what this wants.
    pub fn append(&mut self, later: Self) {
        self.events.extend(later.events);
        self.intents.extend(later.intents);
        self.ignored = self.ignored.or(later.ignored);
    }
}
