//! What the service reads: prices from `products`, replies from `inventory` and `payments`.

use std::collections::BTreeSet;

use events::{Event, ProductListed, topics};
use kernel::sequence::Arrival;
use kernel::{Ids, OrderId, Timestamp};
use messaging::{Effects, Handler, Received, Refused};

use crate::domain::{Decision, Fact, Product, Trigger};
use crate::effects;
use crate::metrics::SERVICE;
use crate::store::{Key, Loaded};
use crate::watchers::Watchers;

/// Topics the orders' fate depends on.
pub const REPLIES: &[&str] = &[topics::INVENTORY, topics::PAYMENTS];

/// Reacts to events.
#[derive(Clone, Debug)]
pub struct OrderHandler {
    watchers: Watchers,
}

impl OrderHandler {
    /// Wakes those who wait through `watchers`.
    pub fn new(watchers: Watchers) -> Self {
        Self { watchers }
    }
}

impl Handler for OrderHandler {
    type Event = Event;
    type Key = Key;
    type Loaded = Loaded;

    fn topics(&self) -> &'static [&'static str] {
        &[topics::PRODUCTS, topics::INVENTORY, topics::PAYMENTS]
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<Key>) {
        if let Event::ProductListed(listed) = event {
            keys.insert(Key::Product(listed.sku.clone()));
        } else if let Some(id) = order_of(event) {
            keys.insert(Key::Order(id));
        }
    }

    fn decide(
        &self,
        loaded: &mut Loaded,
        received: &Received<Event>,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Result<Effects<Event>, Refused> {
        Ok(match (&received.event, order_of(&received.event)) {
            (Event::ProductListed(listed), _) => copy(loaded, received.metadata.sequence, listed),
            (_, Some(id)) => reply(loaded, id, received, now, ids),
            (_, None) => Effects::ignored("not_about_an_order"),
        })
    }

    fn committed(&self, keys: &BTreeSet<Key>) {
        for key in keys {
            if let Key::Order(id) = key {
                self.watchers.wake(*id);
            }
        }
    }
}

fn copy(loaded: &mut Loaded, sequence: i64, listed: &ProductListed) -> Effects<Event> {
    match Product::evolve(loaded.products.get(&listed.sku), sequence, listed) {
        None => Effects::ignored("product_not_newer"),
        Some(product) => {
            loaded.changed_products.insert(product.sku.clone());
            loaded.products.insert(product.sku.clone(), product);
            Effects::none()
        }
    }
}

fn reply(
    loaded: &mut Loaded,
    id: OrderId,
    received: &Received<Event>,
    now: Timestamp,
    ids: &dyn Ids,
) -> Effects<Event> {
    let Some(tracked) = loaded.orders.get_mut(&id) else {
        return Effects::ignored("no_such_order");
    };
    let metadata = &received.metadata;
    let fact = Fact { id: metadata.id, sequence: metadata.sequence, event: &received.event };
    let folded = tracked.evolve(fact);
    if folded.arrival == Arrival::Gap {
        received.report_gap(SERVICE);
    }
    // Asked after a repeat too: what was decided then may have been lost with a database before it was published.
    let decision = tracked.order.decide(Trigger::Reply, now).unwrap_or(Decision::Ignored("past_the_window"));
    let mut effects = effects::carry_out(tracked, decision, ids);
    if folded.moved {
        effects.ignored = None;
    }
    effects
}

/// The order a reply is about.
fn order_of(event: &Event) -> Option<OrderId> {
    match event {
        Event::StockReserved(event) => Some(event.order_id),
        Event::StockRejected(event) => Some(event.order_id),
        Event::StockCommitted(event) => Some(event.order_id),
        Event::StockReleased(event) => Some(event.order_id),
        Event::PaymentAuthorized(event) => Some(event.order_id),
        Event::PaymentDeclined(event) => Some(event.order_id),
        Event::PaymentCaptured(event) => Some(event.order_id),
        Event::PaymentCaptureFailed(event) => Some(event.order_id),
        Event::PaymentVoided(event) => Some(event.order_id),
        Event::PaymentRefunded(event) => Some(event.order_id),
        Event::ProductListed(_)
        | Event::CustomerRegistered(_)
        | Event::CustomerErased(_)
        | Event::OrderCreated(_)
        | Event::OrderConfirmed(_)
        | Event::OrderCancelled(_)
        | Event::StockReceived(_)
        | Event::EmailSent(_)
        | Event::EmailFailed(_) => None,
    }
}
