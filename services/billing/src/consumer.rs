//! Which events billing reads, whose payment each is about, and the decision it calls.

use std::collections::{BTreeMap, BTreeSet};

use events::{Event, topics};
use kernel::sequence::Arrival;
use kernel::{Ids, OrderId, Timestamp};
use messaging::{Effects, Handler, IntentChange, Received, Refused};

use crate::domain::{CallChange, Decision, Input, Open, Payment, decide};
use crate::worker;

/// Billing, as messaging sees it.
#[derive(Clone, Copy, Debug)]
pub struct Billing;

/// The payments of a batch, also of orders that were not heard of.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    slots: BTreeMap<OrderId, Slot>,
}

/// One payment and its open call.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The payment.
    pub payment: Payment,
    /// Its call that has no answer yet; locked together with the payment.
    pub open: Option<Open>,
    /// Whether the payment must be saved.
    pub changed: bool,
}

impl Loaded {
    /// Adds a payment as it is stored.
    pub fn insert(&mut self, payment: Payment, open: Option<Open>) {
        self.slots.insert(payment.order_id, Slot { payment, open, changed: false });
    }

    /// The payment of an order; that of an unknown one is made on the spot.
    pub fn slot(&mut self, order_id: OrderId) -> &mut Slot {
        self.slots.entry(order_id).or_insert_with(|| Slot {
            payment: Payment::unknown(order_id),
            open: None,
            changed: false,
        })
    }

    /// What must be saved, by order.
    pub fn changed(&self) -> impl Iterator<Item = &Payment> {
        self.slots.values().filter(|slot| slot.changed).map(|slot| &slot.payment)
    }
}

impl Slot {
    /// Turns a decision into what messaging writes, and keeps the open call up to date for the rest of the batch.
    pub fn carry_out(&mut self, decision: Decision, now: Timestamp, ids: &dyn Ids) -> Effects<Event> {
        self.changed = true;
        let (events, calls) = match decision {
            Decision::Changed { events, calls } => (events, calls),
            Decision::Ignored(reason) => return Effects::ignored(reason.name()),
        };
        let mut effects = Effects::none();
        for event in events {
            effects.publish(ids, &mut self.payment.sequence, event);
        }
        for change in calls {
            match change {
                CallChange::Open(call) => {
                    self.open = Some(Open { operation: call.operation(), tried: false });
                    effects.intend(worker::intent(self.payment.order_id, &call, now));
                }
                CallChange::Withdraw => {
                    self.open = None;
                    effects.intents.push(IntentChange::Withdraw { key: self.payment.order_id.to_string() });
                }
            }
        }
        effects
    }
}

impl Handler for Billing {
    type Event = Event;
    type Key = OrderId;
    type Loaded = Loaded;

    fn topics(&self) -> &'static [&'static str] {
        &[topics::ORDERS]
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<OrderId>) {
        keys.extend(read(event).map(|(order_id, _)| order_id));
    }

    fn decide(
        &self,
        loaded: &mut Loaded,
        received: &Received<Event>,
        now: Timestamp,
        ids: &dyn Ids,
    ) -> Result<Effects<Event>, Refused> {
        let Some((order_id, input)) = read(&received.event) else {
            return Ok(Effects::ignored("not_for_billing"));
        };
        let slot = loaded.slot(order_id);
        match slot.payment.orders_seen.observe(received.metadata.sequence) {
            Arrival::Next => {}
            Arrival::Repeat => return Ok(Effects::ignored("repeated")),
            Arrival::Gap => received.report_gap("billing"),
        }
        let decision =
            decide(&mut slot.payment, slot.open, input).map_err(|rule| Refused(rule.to_string()))?;
        Ok(slot.carry_out(decision, now, ids))
    }
}

fn read(event: &Event) -> Option<(OrderId, Input<'_>)> {
    match event {
        Event::OrderCreated(event) => Some((event.order_id, Input::Created(event))),
        Event::OrderConfirmed(event) => Some((event.order_id, Input::Confirmed(event))),
        Event::OrderCancelled(event) => Some((event.order_id, Input::Cancelled(event))),
        _ => None,
    }
}
