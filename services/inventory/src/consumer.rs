//! How the warehouse reacts to the events of others: topics, keys, and the decision each event calls.

use std::collections::BTreeSet;

use events::{Event, topics};
use kernel::sequence::Arrival;
use kernel::{Ids, OrderId, Sku, Timestamp};
use messaging::{Effects, Handler, Received, Refused};

use crate::app::SERVICE;
use crate::domain::{Decision, Input, Reason};
use crate::store::Loaded;

/// The warehouse as a listener to `orders`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inventory;

/// What is locked, in this order: orders before skus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The reservation of an order.
    Order(OrderId),
    /// The stock of a sku.
    Sku(Sku),
}

impl Handler for Inventory {
    type Event = Event;
    type Key = Key;
    type Loaded = Loaded;

    fn topics(&self) -> &'static [&'static str] {
        &[topics::ORDERS]
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<Key>) {
        if let Some(input) = Input::of(event) {
            keys.insert(Key::Order(input.order_id()));
            keys.extend(input.lines().iter().map(|line| Key::Sku(line.sku.clone())));
        }
    }

    fn decide(
        &self,
        loaded: &mut Loaded,
        received: &Received<Event>,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Result<Effects<Event>, Refused> {
        let Some(input) = Input::of(&received.event) else {
            return Ok(Effects::ignored(Reason::NotConcerned.as_str()));
        };
        let (warehouse, order_id) = (&mut loaded.warehouse, input.order_id());
        match warehouse.observe(order_id, received.metadata.sequence) {
            Arrival::Next => {}
            Arrival::Gap => received.report_gap(SERVICE),
            Arrival::Repeat => return Ok(Effects::ignored(Reason::Repeated.as_str())),
        }
        match warehouse.decide(input, now) {
            Ok(Decision::Changed(event)) => {
                warehouse.evolve(&event);
                let mut effects = Effects::none();
                effects.publish(ids, warehouse.sequence_mut(order_id), event);
                Ok(effects)
            }
            Ok(Decision::Ignored(reason)) => Ok(Effects::ignored(reason.as_str())),
            Err(rejected) => Err(Refused(rejected.to_string())),
        }
    }
}
