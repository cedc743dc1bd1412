//! What customers do, and what they find: products, orders, cancellations; and the sweeper, which does for the impatient what
//! they could do themselves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use events::{Channel, CustomerRegistered, Event, Line, OrderCreated, PaymentToken};
use futures::FutureExt as _;
use kernel::{Currency, CustomerId, EventId, Ids, LineQuantity, Money, OrderId, Sequence, Sku, Timestamp};
use messaging::core::transaction::Transaction;
use messaging::memory::{OutboxRow, Session};
use messaging::{Cause, Decided, Effects, Outgoing, StoreError};
use order::consumer::OrderHandler;
use order::domain::{BasketLine, Trigger};
use uuid::Uuid;

use super::{Wish, World};
use crate::act::Fate;

const DEADLINE: Duration = Duration::from_mins(10);

impl World {
    /// Products on the shelves, and a customer. They come before the history begins, but for email's copy of the customer,
    /// which may be read at any time.
    pub(super) fn fill(&mut self) {
        for (number, pieces) in self.plan.shelves.iter().enumerate() {
            let stock = inventory::domain::Stock {
                on_hand: *pieces,
                reserved: 0,
                received: *pieces,
                sequence: Sequence(1),
            };
            Arc::make_mut(&mut self.inventory).tables.warehouse.stock.insert(sku(number), stock);
        }
        let registered = CustomerRegistered {
            customer_id: customer(),
            name: "Ada".to_owned(),
            email: "ada@shop.example".to_owned(),
            registered_at: self.now,
        };
        let event = Event::CustomerRegistered(registered);
        if self.plan.customer_known {
            let mut known = email::domain::Customer::unknown(customer());
            known.evolve(&event, 1);
            Arc::make_mut(&mut self.email).tables.customers.insert(customer(), known);
            return;
        }
        let id = EventId(Uuid::from_u128(1));
        let row = OutboxRow {
            id: 0,
            shard: 0,
            topic: events::topics::CUSTOMERS,
            key: customer().to_string(),
            event: Arc::new(Outgoing { id, sequence: 1, event }),
            at: self.now,
            causation: None,
        };
        // The first record of a log is never out of order.
        let _appended = Arc::make_mut(&mut self.log).append(&row);
    }

    /// A customer places an order, under an Idempotency-Key; one who gets no answer asks again.
    pub(super) fn place(&mut self, wish: usize, fate: Fate) {
        let id = match self.order.tables.keys.get(&wish) {
            Some(id) => *id,
            None => self.begin_order(wish),
        };
        if fate == Fate::Done {
            self.placed[wish] = Some(id);
        }
    }

    pub(super) fn begin_order(&mut self, wish: usize) -> OrderId {
        let (now, plan) = (self.now, self.plan.clone());
        let id = OrderId(Uuid::from_u64_pair(7, wish as u64));
        let created = created(id, &plan.wishes[wish], now);
        Arc::make_mut(&mut self.order).with_ids(|service, ids| {
            let (tracked, effects) = order::effects::begin(&created, ids);
            service.tables.store(tracked);
            service.tables.keys.insert(wish, id);
            service.database.append(&[decided(effects, now)]);
        });
        id
    }

    /// As the handlers of HTTP and the sweeper do it: load, decide, carry out, save, write.
    pub(super) fn decide(&mut self, orders: &[OrderId], trigger: Trigger) {
        let now = self.now;
        Arc::make_mut(&mut self.order).with_ids(|service, ids| {
            let mut session = Session::begin("", &mut service.database, &mut service.tables);
            let keys = orders.iter().copied().map(order::store::Key::Order).collect();
            // A transaction in memory never waits and never fails.
            let _done = in_transaction(&mut session, &keys, trigger, now, ids).now_or_never();
        });
    }
}

async fn in_transaction(
    session: &mut impl Transaction<OrderHandler>,
    keys: &BTreeSet<order::store::Key>,
    trigger: Trigger,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<(), StoreError> {
    let mut loaded = session.load(keys).await?;
    let mut all = Vec::new();
    for tracked in loaded.orders.values_mut() {
        if let Ok(decision) = tracked.order.decide(trigger, now) {
            all.push(decided(order::effects::carry_out(tracked, decision, ids), now));
        }
    }
    session.save(loaded).await?;
    session.write(all).await.map(drop)
}

fn decided(effects: Effects<Event>, at: Timestamp) -> Decided<Event> {
    Decided { effects, at, cause: Cause::default() }
}

fn created(id: OrderId, wish: &Wish, now: Timestamp) -> OrderCreated {
    let line = |(product, pieces): &(usize, i64)| BasketLine {
        sku: sku(*product),
        quantity: LineQuantity::parse(*pieces)
            .unwrap_or_else(|_| unreachable!("a plan orders what can be ordered")),
    };
    let lines: Vec<Line> = wish
        .lines
        .iter()
        .map(line)
        .map(|line| Line { sku: line.sku, quantity: line.quantity, unit_price: money(100) })
        .collect();
    let total = wish.lines.iter().map(|(_, pieces)| pieces * 100).sum();
    OrderCreated {
        order_id: id,
        customer_id: customer(),
        lines,
        total: money(total),
        payment_token: PaymentToken::parse(wish.token)
            .unwrap_or_else(|_| unreachable!("a plan has tokens of the simulator")),
        created_at: now,
        deadline_at: now.plus(DEADLINE),
        channel: Channel::Unknown,
    }
}

fn money(minor: i64) -> Money {
    let money = Currency::parse("EUR").and_then(|currency| Money::new(minor, currency));
    money.unwrap_or_else(|_| unreachable!("small sums are money"))
}

fn customer() -> CustomerId {
    CustomerId(Uuid::from_u128(9))
}

/// The product of a number.
pub fn sku(number: usize) -> Sku {
    Sku::parse(&format!("P{number}")).unwrap_or_else(|_| unreachable!("P and a number is a sku"))
}
