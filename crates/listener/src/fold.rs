//! The short way: a state for each key of one topic.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use events::Event;
use kernel::sequence::Arrival;
use kernel::{Event as _, Seen, Timestamp};
use messaging::listener::{Again, Heard, Listener};
use messaging::{Received, Refused};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A listener that keeps a state for each key of one topic. The state is kept as JSON in the table `folded`, and read by later
/// builds: a field that is added needs a default.
pub trait Fold: Send + Sync + 'static {
    /// The listener's name: consumer group, label of metrics.
    const NAME: &'static str;
    /// The topic it reads, without prefix.
    const TOPIC: &'static str;
    /// What is known of a key; nothing yet in the beginning.
    type State: Default + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Takes an event in. Pure; each event of the key comes once, in order.
    fn fold(state: &mut Self::State, event: &Event);
}

/// What is kept of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept<S> {
    /// The number of the last event had: one that comes again is dropped, however late.
    pub seen: Seen,
    /// What came of all events so far.
    pub state: S,
}

/// A [`Fold`] as a [`Listener`].
pub struct Folding<F>(PhantomData<fn() -> F>);

impl<F> Default for Folding<F> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<F: Fold> fmt::Debug for Folding<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Folding").field(&F::NAME).finish()
    }
}

impl<F: Fold> Listener for Folding<F> {
    type Event = Event;
    type Key = String;
    type Loaded = BTreeMap<String, Kept<F::State>>;

    fn topics(&self) -> &'static [&'static str] {
        const { &[F::TOPIC] }
    }

    /// A state would drop what it has seen.
    fn again(&self) -> Again {
        Again::Anew(&["folded"])
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<String>) {
        keys.insert(event.key());
    }

    fn hear(
        &self,
        loaded: &mut Self::Loaded,
        received: &Received<Event>,
        _: Timestamp,
    ) -> Result<Heard, Refused> {
        let kept = loaded.entry(received.event.key()).or_default();
        match kept.seen.observe(received.metadata.sequence) {
            Arrival::Repeat => return Ok(Heard::Ignored("repeated")),
            Arrival::Gap => received.report_gap(F::NAME),
            Arrival::Next => {}
        }
        F::fold(&mut kept.state, &received.event);
        Ok(Heard::Kept)
    }
}
