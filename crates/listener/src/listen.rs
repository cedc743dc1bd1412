//! What a listener gives, and how messaging sees it.

use std::collections::BTreeSet;
use std::fmt::Debug;

use events::Event;
use kernel::{Ids, Timestamp};
use messaging::{Effects, Handler, Received, Refused};

/// How events are taken in. There is no way to publish from here, or to call anybody: it may be replayed from the beginning
/// at any time, and nothing comes of it but its own tables.
pub trait Listen: Send + Sync + 'static {
    /// Names what is loaded for an event; the order of keys is the order of locks.
    type Key: Ord + Clone + Debug + Send + Sync + 'static;
    /// What a batch of events touches.
    type Loaded: Send + 'static;

    /// Topics it reads, without prefix.
    fn topics(&self) -> &'static [&'static str];

    /// Adds what `event` touches.
    fn keys(&self, event: &Event, keys: &mut BTreeSet<Self::Key>);

    /// Takes the event in. On `Err`, `loaded` is thrown away, and the record is parked.
    fn listen(&self, loaded: &mut Self::Loaded, received: &Received<Event>) -> Result<Heard, Refused>;
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It changed something.
    Taken,
    /// Nothing came of it, for this reason; counted.
    Ignored(&'static str),
}

/// A listener as messaging sees one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listening<L>(pub L);

impl<L: Listen> Handler for Listening<L> {
    type Event = Event;
    type Key = L::Key;
    type Loaded = L::Loaded;

    fn topics(&self) -> &'static [&'static str] {
        self.0.topics()
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<L::Key>) {
        self.0.keys(event, keys);
    }

    fn decide(
        &self,
        loaded: &mut L::Loaded,
        received: &Received<Event>,
        _: Timestamp,
        _: &dyn Ids,
    ) -> Result<Effects<Event>, Refused> {
        Ok(match self.0.listen(loaded, received)? {
            Heard::Taken => Effects::none(),
            Heard::Ignored(reason) => Effects::ignored(reason),
        })
    }
}
