//! What a handler reads: not a list, but its own answer when it is shown one event of every kind.

use std::collections::BTreeSet;

use events::Event;
use kernel::Event as _;
use messaging::Handler;
use messaging::listener::{Listener, Listening};

/// For the catalogue of events.
#[derive(Clone, Debug)]
pub struct Reads {
    /// The topics it subscribes to, without prefix.
    pub topics: &'static [&'static str],
    /// Full names of the events it does something about.
    pub events: BTreeSet<&'static str>,
}

impl Reads {
    /// The handler's own subscription, and its own match: it does something about an event when that touches an aggregate of its.
    pub fn of<H: Handler<Event = Event>>(handler: &H, samples: &[Event]) -> Self {
        let topics = handler.topics();
        let concerned = |event: &&Event| {
            let mut keys = BTreeSet::new();
            handler.keys(event, &mut keys);
            topics.contains(&event.topic()) && !keys.is_empty()
        };
        Self { topics, events: samples.iter().filter(concerned).map(kernel::Event::name).collect() }
    }
}

/// What a listener reads, of `samples`: one of each event.
pub fn reads<L: Listener<Event = Event> + Default>(samples: &[Event]) -> Reads {
    Reads::of(&Listening(L::default()), samples)
}
