//! A consumer that only keeps what it hears: it can neither publish nor call, by its type, and so can hear things again.

use std::collections::BTreeSet;
use std::fmt::Debug;

use kernel::{Event, Ids, Timestamp};

use crate::{Effects, Handler, Received, Refused};

/// What a listener writes. There is no way from here to an outbox or an intent: [`Listening`] makes a [`Handler`] of it.
pub trait Listener: Send + Sync + 'static {
    /// The catalogue.
    type Event: Event;
    /// As [`Handler::Key`].
    type Key: Ord + Clone + Debug + Send + Sync + 'static;
    /// As [`Handler::Loaded`].
    type Loaded: Send + 'static;

    /// Topics it reads, without prefix.
    fn topics(&self) -> &'static [&'static str];

    /// What it takes to have it hear things again.
    fn again(&self) -> Again;

    /// Adds what `event` touches.
    fn keys(&self, event: &Self::Event, keys: &mut BTreeSet<Self::Key>);

    /// Changes `loaded` in memory. On `Err`, `loaded` is thrown away and the record parked.
    fn hear(
        &self,
        loaded: &mut Self::Loaded,
        received: &Received<Self::Event>,
        now: Timestamp,
    ) -> Result<Heard, Refused>;

    /// As [`Handler::committed`].
    fn committed(&self, keys: &BTreeSet<Self::Key>) {
        let _ = keys;
    }
}

/// What came of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is kept.
    Kept,
    /// It says nothing new, for a reason that is counted.
    Ignored(&'static str),
}

/// What it takes to have a listener hear things again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nothing: what it knows already changes nothing, whatever the topic and wherever it begins.
    AsItIs,
    /// All of it from the beginning, with these tables empty: sums and counts, which would count twice. In the order in which
    /// they can be emptied.
    Anew(&'static [&'static str]),
}

/// That a handler may hear things again. Only a [`Listening`] has one to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayable(pub(crate) Again);

/// A listener as a handler: for [`crate::consumer::run`], and for its [`Repository`](crate::Repository).
#[derive(Clone, Debug)]
pub struct Listening<L>(pub L);

impl<L: Listener> Listening<L> {
    /// As [`Handler::concerns`], for who has only listeners.
    pub fn concerns(&self, event: &L::Event) -> bool {
        Handler::concerns(self, event)
    }
}

impl<L: Listener> Handler for Listening<L> {
    type Event = L::Event;
    type Key = L::Key;
    type Loaded = L::Loaded;

    fn topics(&self) -> &'static [&'static str] {
        self.0.topics()
    }

    fn keys(&self, event: &L::Event, keys: &mut BTreeSet<L::Key>) {
        self.0.keys(event, keys);
    }

    fn decide(
        &self,
        loaded: &mut L::Loaded,
        received: &Received<L::Event>,
        now: Timestamp,
        _: &dyn Ids,
    ) -> Result<Effects<L::Event>, Refused> {
        Ok(match self.0.hear(loaded, received, now)? {
            Heard::Kept => Effects::none(),
            Heard::Ignored(reason) => Effects::ignored(reason),
        })
    }

    fn committed(&self, keys: &BTreeSet<L::Key>) {
        self.0.committed(keys);
    }

    fn replayable(&self) -> Option<Replayable> {
        Some(Replayable(self.0.again()))
    }
}
