//! What the log makes of the table of this service: its own `payments`, and what `orders` asks for. The same `evolve` as live: no
//! decision, and no call.

use std::collections::{BTreeMap, BTreeSet};

use events::{Event, topics};
use fold::{Evolved, Number, Projection, Table};
use kernel::sequence::Arrival;
use kernel::{OrderId, Seen, Sequence};
use messaging::Received;

use crate::domain::{Payment, Standing, evolve};

/// The fold of the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts;

/// The payments of a batch, also of orders that were not heard of.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// By order.
    pub payments: BTreeMap<OrderId, Payment>,
    /// Those of them that changed.
    pub changed: BTreeSet<OrderId>,
}

const TABLES: &[Table] = &[Table {
    local: &[("attempts", "calls that had no answer are no facts")],
    ..Table::new(
        "payments",
        "order_id",
        &[Number::own("sequence", topics::PAYMENTS), Number::seen("orders_seen", topics::ORDERS)],
    )
}];

impl Projection for Facts {
    type Event = Event;
    type Key = OrderId;
    type Rows = Rows;

    fn service(&self) -> &'static str {
        "billing"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[topics::ORDERS, topics::PAYMENTS]
    }

    /// An order that was cancelled before it was heard of begins with our answer.
    fn leads(&self) -> &'static [&'static str] {
        &[topics::PAYMENTS]
    }

    fn tables(&self) -> &'static [Table] {
        TABLES
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<OrderId>) {
        keys.extend(about(event).map(|(order_id, _)| order_id));
    }

    fn evolve(&self, rows: &mut Rows, fact: &Received<Event>) -> Evolved {
        let Some((order_id, whose)) = about(&fact.event) else { return Evolved::Taken };
        let payment = rows.payments.entry(order_id).or_insert_with(|| Payment::unknown(order_id));
        let sequence = fact.metadata.sequence;
        let arrival = match whose {
            Whose::Order if payment.standing == Standing::Unknown => return Evolved::Early,
            Whose::NewOrder | Whose::Order => payment.orders_seen.observe(sequence),
            Whose::Own => {
                let mut seen = Seen(payment.sequence.0);
                let arrival = seen.observe(sequence);
                payment.sequence = Sequence(seen.0);
                arrival
            }
        };
        if arrival != Arrival::Repeat {
            evolve(payment, &fact.event);
            rows.changed.insert(order_id);
        }
        Evolved::Taken
    }
}

enum Whose {
    NewOrder,
    Order,
    Own,
}

fn about(event: &Event) -> Option<(OrderId, Whose)> {
    Some(match event {
        Event::OrderCreated(event) => (event.order_id, Whose::NewOrder),
        Event::OrderConfirmed(event) => (event.order_id, Whose::Order),
        Event::OrderCancelled(event) => (event.order_id, Whose::Order),
        Event::PaymentAuthorized(event) => (event.order_id, Whose::Own),
        Event::PaymentDeclined(event) => (event.order_id, Whose::Own),
        Event::PaymentCaptured(event) => (event.order_id, Whose::Own),
        Event::PaymentCaptureFailed(event) => (event.order_id, Whose::Own),
        Event::PaymentVoided(event) => (event.order_id, Whose::Own),
        Event::PaymentRefunded(event) => (event.order_id, Whose::Own),
        _ => return None,
    })
}
