//! What the log makes of the tables of this service: all of it from its own `products` and `inventory`. The same `evolve` as live,
//! and no decision: two orders for the last piece would not be decided the same way again.

use std::collections::{BTreeMap, BTreeSet};

use events::{Event, topics};
use fold::{Evolved, Number, Projection, Table};
use kernel::sequence::Arrival;
use kernel::{OrderId, Seen, Sequence, Sku};
use messaging::Received;

use crate::domain::{Product, Receipt, Warehouse};

/// The fold of the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts;

/// Names an aggregate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The reservation of an order.
    Order(OrderId),
    /// Product and stock of a sku.
    Sku(Sku),
}

/// The aggregates of a batch: as they were, as they are becoming.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// As they are becoming. A sum may be below zero on the way.
    pub warehouse: Warehouse,
    /// As they were.
    pub stored: Warehouse,
    /// The products that are known.
    pub products: BTreeMap<Sku, Product>,
    /// Those of them that changed.
    pub listed: BTreeSet<Sku>,
    /// Deliveries that are new.
    pub receipts: Vec<Receipt>,
}

const TABLES: &[Table] = &[
    Table::new("products", "sku", &[Number::own("sequence", topics::PRODUCTS)]),
    Table {
        elsewhere: &["on_hand", "reserved"], // sums over orders that go on meanwhile
        ..Table::new("stock", "sku", &[Number::own("sequence", topics::INVENTORY)])
    },
    Table {
        local: &[("seen", "counts the events that were read from `orders`, which is not folded here")],
        ..Table::new("reservations", "order_id", &[Number::own("sequence", topics::INVENTORY)])
    },
];

impl Projection for Facts {
    type Event = Event;
    type Key = Key;
    type Rows = Rows;

    fn service(&self) -> &'static str {
        crate::app::SERVICE
    }

    fn topics(&self) -> &'static [&'static str] {
        &[topics::PRODUCTS, topics::INVENTORY]
    }

    fn tables(&self) -> &'static [Table] {
        TABLES
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<Key>) {
        let mut order = |id, lines: &[events::StockLine]| {
            keys.insert(Key::Order(id));
            keys.extend(lines.iter().map(|line| Key::Sku(line.sku.clone())));
        };
        match event {
            Event::ProductListed(event) => drop(keys.insert(Key::Sku(event.sku.clone()))),
            Event::StockReceived(event) => drop(keys.insert(Key::Sku(event.sku.clone()))),
            Event::StockReserved(event) => order(event.order_id, &event.lines),
            Event::StockRejected(event) => order(event.order_id, &[]),
            Event::StockCommitted(event) => order(event.order_id, &event.lines),
            Event::StockReleased(event) => order(event.order_id, &event.lines),
            _ => {}
        }
    }

    fn evolve(&self, rows: &mut Rows, fact: &Received<Event>) -> Evolved {
        let sequence = fact.metadata.sequence;
        match &fact.event {
            Event::ProductListed(listed) => rows.list(listed, sequence),
            Event::StockReceived(received) => {
                let stock = rows.warehouse.stock.entry(received.sku.clone()).or_default();
                if is_new(&mut stock.sequence, sequence) {
                    rows.warehouse.evolve(&fact.event);
                    rows.receipts.push(Receipt::from(received.clone()));
                }
            }
            Event::StockReserved(events::StockReserved { order_id, .. })
            | Event::StockRejected(events::StockRejected { order_id, .. })
            | Event::StockCommitted(events::StockCommitted { order_id, .. })
            | Event::StockReleased(events::StockReleased { order_id, .. }) => {
                rows.answer(*order_id, &fact.event, sequence);
            }
            _ => {}
        }
        Evolved::Taken
    }
}

impl Rows {
    /// What was answered to an order.
    fn answer(&mut self, order_id: OrderId, event: &Event, number: i64) {
        if is_new(self.warehouse.sequence_mut(order_id), number) {
            self.warehouse.evolve(event);
        }
    }

    /// A product comes with the row of its stock.
    fn list(&mut self, listed: &events::ProductListed, number: i64) {
        let sku = &listed.sku;
        self.warehouse.stock.entry(sku.clone()).or_default();
        let mut sequence = self.products.get(sku).map(|product| product.sequence).unwrap_or_default();
        if is_new(&mut sequence, number) {
            self.products.insert(sku.clone(), Product::evolve(listed.clone(), sequence));
            self.listed.insert(sku.clone());
        }
    }
}

/// A relay that was killed sends again what it may have sent: the number tells.
fn is_new(sequence: &mut Sequence, arriving: i64) -> bool {
    let mut seen = Seen(sequence.0);
    let arrival = seen.observe(arriving);
    *sequence = Sequence(seen.0);
    arrival != Arrival::Repeat
}
