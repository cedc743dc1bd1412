//! What a listener reads: for the catalogue of events.

use events::Event;
use messaging::Reads;
use messaging::listener::{Listener, Listening};

/// What it reads of `samples`, one of each event.
pub fn reads<L: Listener<Event = Event> + Default>(samples: &[Event]) -> Reads {
    Reads::of(&Listening(L::default()), samples)
}
