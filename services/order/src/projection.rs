//! What the log makes of the tables of this service: its own `orders` and `customers`, the replies of stock and payment, and the
//! copy of `products`. The same `evolve` as live, and no decision.

use std::collections::{BTreeMap, BTreeSet};

use events::{Event, topics};
use fold::{Evolved, Number, Projection, Table};
use kernel::{CustomerId, OrderId, Sku, Timestamp};
use messaging::Received;

use crate::domain::{Change, Customer, Fact, Order, Product, Tracked, at};

/// The fold of the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts;

/// Names an aggregate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An order.
    Order(OrderId),
    /// A product's copy.
    Product(Sku),
    /// A customer.
    Customer(CustomerId),
}

/// The aggregates of a batch, and what became of them.
#[derive(Debug, Default)]
pub struct Rows {
    /// The orders that are known.
    pub orders: BTreeMap<OrderId, Tracked>,
    /// Those of them that are new.
    pub begun: BTreeSet<OrderId>,
    /// Their changes.
    pub changes: Vec<Told>,
    /// The products that are known.
    pub products: BTreeMap<Sku, Product>,
    /// Those of them that changed.
    pub changed_products: BTreeSet<Sku>,
    /// The customers that are named, also those of whom nothing was heard.
    pub customers: BTreeMap<CustomerId, Customer>,
    /// Those of them that changed.
    pub changed_customers: BTreeSet<CustomerId>,
}

/// A change of an order with the event that made it: what the change says beyond that event depends on what came before it, and
/// the log does not tell in which order replies and decisions were met.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Which order.
    pub order_id: OrderId,
    /// The order after it.
    pub change: Change,
    /// Whose part of the order the event tells: the topic.
    pub topic: &'static str,
    /// When it happened.
    pub happened_at: Option<Timestamp>,
}

const TABLES: &[Table] = &[
    Table::new(
        "orders",
        "order_id",
        &[
            Number::own("sequence", topics::ORDERS),
            Number::seen("seen_inventory", topics::INVENTORY),
            Number::seen("seen_payments", topics::PAYMENTS),
        ],
    ),
    Table {
        personal: &["name", "email"],
        forgotten: Some("name IS NULL"), // the tombstone of an erased customer goes in the end
        ..Table::new("customers", "customer_id", &[Number::own("sequence", topics::CUSTOMERS)])
    },
    Table::new("products", "sku", &[Number::seen("seen", topics::PRODUCTS)]),
];

impl Projection for Facts {
    type Event = Event;
    type Key = Key;
    type Rows = Rows;

    fn service(&self) -> &'static str {
        crate::metrics::SERVICE
    }

    fn topics(&self) -> &'static [&'static str] {
        &[topics::PRODUCTS, topics::CUSTOMERS, topics::INVENTORY, topics::PAYMENTS, topics::ORDERS]
    }

    fn leads(&self) -> &'static [&'static str] {
        &[topics::ORDERS]
    }

    fn tables(&self) -> &'static [Table] {
        TABLES
    }

    fn keys(&self, event: &Event, keys: &mut BTreeSet<Key>) {
        keys.extend(about(event));
    }

    fn evolve(&self, rows: &mut Rows, fact: &Received<Event>) -> Evolved {
        let (event, sequence) = (&fact.event, fact.metadata.sequence);
        match (about(event), event) {
            (Some(Key::Product(sku)), Event::ProductListed(listed)) => {
                if let Some(product) = Product::evolve(rows.products.get(&sku), sequence, listed) {
                    rows.products.insert(sku.clone(), product);
                    rows.changed_products.insert(sku);
                }
            }
            (Some(Key::Customer(id)), _) => {
                let customer = rows.customers.entry(id).or_insert_with(|| Customer::unknown(id));
                if customer.evolve(sequence, event) {
                    rows.changed_customers.insert(id);
                }
            }
            (Some(Key::Order(id)), _) => {
                return rows.order(id, Fact { id: fact.metadata.id, sequence, event });
            }
            _ => {}
        }
        Evolved::Taken
    }
}

impl Rows {
    fn order(&mut self, id: OrderId, fact: Fact<'_>) -> Evolved {
        let change = match (self.orders.get_mut(&id), fact.event) {
            (Some(tracked), _) => {
                let folded = tracked.evolve(fact);
                tracked.unsaved.pop().filter(|_| folded.moved)
            }
            (None, Event::OrderCreated(created)) => {
                let mut tracked = Order::begin(fact.id, created);
                let change = tracked.unsaved.pop();
                self.orders.insert(id, tracked);
                self.begun.insert(id);
                change
            }
            (None, _) => return Evolved::Early,
        };
        let (topic, happened_at) = (kernel::Event::topic(fact.event), at(fact.event));
        self.changes.extend(change.map(|change| Told { order_id: id, change, topic, happened_at }));
        Evolved::Taken
    }
}

fn about(event: &Event) -> Option<Key> {
    Some(match event {
        Event::ProductListed(event) => Key::Product(event.sku.clone()),
        Event::CustomerRegistered(event) => Key::Customer(event.customer_id),
        Event::CustomerErased(event) => Key::Customer(event.customer_id),
        Event::OrderCreated(event) => Key::Order(event.order_id),
        Event::OrderConfirmed(event) => Key::Order(event.order_id),
        Event::OrderCancelled(event) => Key::Order(event.order_id),
        Event::StockReserved(event) => Key::Order(event.order_id),
        Event::StockRejected(event) => Key::Order(event.order_id),
        Event::StockCommitted(event) => Key::Order(event.order_id),
        Event::StockReleased(event) => Key::Order(event.order_id),
        Event::PaymentAuthorized(event) => Key::Order(event.order_id),
        Event::PaymentDeclined(event) => Key::Order(event.order_id),
        Event::PaymentCaptured(event) => Key::Order(event.order_id),
        Event::PaymentCaptureFailed(event) => Key::Order(event.order_id),
        Event::PaymentVoided(event) => Key::Order(event.order_id),
        Event::PaymentRefunded(event) => Key::Order(event.order_id),
        Event::StockReceived(_) | Event::EmailSent(_) | Event::EmailFailed(_) => return None,
    })
}
