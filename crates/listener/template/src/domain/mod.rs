//! What is known of an order. Decides and does nothing.

use events::Event;
use serde::{Deserialize, Serialize};

/// An order, as far as it was heard of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)] // a field that is new is empty in what was kept before
pub struct Order {
    /// How many events there were.
    pub events: u32,
    /// Whether it stands confirmed.
    pub confirmed: bool,
}

impl Order {
    /// Takes an event in.
    pub fn hear(&mut self, event: &Event) {
        self.events += 1;
        self.confirmed = matches!(event, Event::OrderConfirmed(_));
    }
}
