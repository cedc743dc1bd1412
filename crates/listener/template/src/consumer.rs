//! Which topic is read, and what its events are folded into.

use events::{Event, topics};

use crate::domain::Order;

/// The listener as messaging sees it.
pub struct Newcomer;

impl listener::Fold for Newcomer {
    const NAME: &'static str = "newcomer";
    const TOPIC: &'static str = topics::ORDERS;
    type State = Order;

    fn fold(order: &mut Order, event: &Event) {
        order.hear(event);
    }
}
