//! A decision becomes an event to publish and a change of the order, together.

use events::{Event, OrderCreated};
use kernel::{EventId, Ids, Sequence};
use messaging::Effects;

use crate::domain::{Customer, Decision, Fact, Order, Tracked};

/// Carries out what an order decided.
pub fn carry_out(tracked: &mut Tracked, decision: Decision, ids: &dyn Ids) -> Effects<Event> {
    let event = match decision {
        Decision::Ignored(reason) => return Effects::ignored(reason),
        Decision::Changed(event) => *event,
    };
    let mut effects = Effects::none();
    let mut sequence = tracked.order.sequence;
    let id = effects.publish(ids, &mut sequence, event.clone());
    tracked.evolve(Fact { id, sequence: sequence.0, event: &event });
    effects
}

/// Begins an order.
pub fn begin(created: &OrderCreated, ids: &dyn Ids) -> (Tracked, Effects<Event>) {
    let mut effects = Effects::none();
    let id: EventId = effects.publish(ids, &mut Sequence::default(), created.clone());
    (Order::begin(id, created), effects)
}

/// Publishes what a customer decided; `None` changes nothing.
pub fn publish(customer: &mut Customer, event: Option<Event>, ids: &dyn Ids) -> Effects<Event> {
    let mut effects = Effects::none();
    if let Some(event) = event {
        let mut sequence = customer.sequence;
        effects.publish(ids, &mut sequence, event.clone());
        customer.evolve(sequence.0, &event);
    }
    effects
}
