//! A log like that of a store which was open for hours, written in bulk: encoded with the schemas of this build and framed as the
//! relay does it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use events::{CustomerRegistered, Event, Line, ProductListed, StockReceived};
use kernel::clock::SystemClock;
use kernel::{
    Clock as _, Currency, CustomerId, Event as _, EventId, LineQuantity, Money, OrderId, ReceiptId, Sku,
    StockQuantity, Timestamp,
};
use messaging::bulk::Bulk;
use messaging::{Metadata, Settings, TraceContext};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use uuid::{NoContext, Uuid};

use super::chapter::{Chapter, Order, Way};

/// What is in the log.
#[derive(Debug)]
pub struct Filled {
    /// By topic.
    pub events: BTreeMap<&'static str, u64>,
    /// With the moment each was placed, in that order.
    pub orders: Vec<(OrderId, Timestamp)>,
}

const SKUS: usize = 500;
const CUSTOMERS: usize = 2_000;
const PIECES: i64 = 100_000_000;
/// Who cancels later has had the order for so long.
const KEPT: Duration = Duration::from_mins(20);
/// Sold out from the beginning; nobody is ever delivered any.
const SOLD_OUT: usize = 0;

/// Of twenty orders: one is declined, one is out of stock, one is cancelled later.
fn way(number: u64) -> Way {
    match number % 20 {
        3 => Way::OutOfStock,
        9 => Way::Declined,
        15 => Way::CancelledLater,
        _ => Way::Confirmed,
    }
}

/// Writes at least `events` events, `orders_per_s` orders a second by the times on them, up to now.
pub async fn fill(settings: &Settings, events: u64, orders_per_s: u32) -> anyhow::Result<Filled> {
    let gap = Duration::from_secs(1) / orders_per_s.max(1);
    // Seven events an order, a little more: what is left of the time is after the last one.
    let length = gap * u32::try_from(events / 7 + 1)? + Duration::from_secs(1);
    let now = SystemClock.now().as_micros();
    let begin = Timestamp::from_micros(now - i64::try_from(length.as_micros())?).unwrap_or(Timestamp::EPOCH);
    let mut pen = Pen {
        bulk: Bulk::new(settings)?,
        random: StdRng::seed_from_u64(7),
        written: BTreeMap::new(),
        between: gap / (Chapter::STEPS_MAX + 1),
    };
    let (shelf, customers) = pen.open_shop(begin).await?;
    let (mut placed, mut kept) = (Vec::new(), VecDeque::<Order>::new());
    let mut number = 0;
    while pen.written.values().sum::<u64>() < events {
        let at = begin.plus(Duration::from_secs(1) + gap * u32::try_from(number)?);
        while let Some(order) = kept.pop_front_if(|order| at.since(order.at) >= KEPT) {
            let chapter = order.cancelled_at(at, pen.between);
            pen.write(order.id, chapter).await?;
        }
        let order = pen.order(at, way(number), &shelf, &customers)?;
        let chapter = order.placed(pen.between)?;
        pen.write(order.id, chapter).await?;
        placed.push((order.id, at));
        if order.way == Way::CancelledLater {
            kept.push_back(order);
        }
        number += 1;
    }
    pen.bulk.flush().await?;
    Ok(Filled { events: pen.written, orders: placed })
}

struct Pen {
    bulk: Bulk,
    random: StdRng,
    written: BTreeMap<&'static str, u64>,
    between: Duration,
}

impl Pen {
    /// The catalogue, what was delivered, and who buys.
    async fn open_shop(&mut self, at: Timestamp) -> anyhow::Result<(Vec<ProductListed>, Vec<CustomerId>)> {
        let (mut products, mut customers) = (Vec::new(), Vec::new());
        for number in 0..SKUS {
            let sku = Sku::parse(&format!("bench-{number:03}"))?;
            let unit_price = Money::new(self.random.random_range(100..20_000), Currency::parse("EUR")?)?;
            let listed = ProductListed {
                sku: sku.clone(),
                name: format!("Thing {number}"),
                unit_price,
                listed_at: at,
            };
            self.alone("inventory", listed.clone().into(), at).await?;
            products.push(listed);
            if number != SOLD_OUT {
                let receipt_id = ReceiptId(v7(at, &mut self.random));
                let quantity = StockQuantity::parse(PIECES)?;
                let received = StockReceived { receipt_id, sku, quantity, received_at: at };
                self.alone("inventory", received.into(), at).await?;
            }
        }
        for number in 0..CUSTOMERS {
            let customer_id = CustomerId(v7(at, &mut self.random));
            let (name, email) = (format!("Customer {number}"), format!("customer-{number}@store.example"));
            let registered = CustomerRegistered { customer_id, name, email, registered_at: at };
            self.alone("order", registered.into(), at).await?;
            customers.push(customer_id);
        }
        Ok((products, customers))
    }

    fn order(
        &mut self,
        at: Timestamp,
        way: Way,
        products: &[ProductListed],
        customers: &[CustomerId],
    ) -> anyhow::Result<Order> {
        let customer_id = customers[self.random.random_range(0..customers.len())];
        let first = match way {
            Way::OutOfStock => SOLD_OUT,
            _ => self.random.random_range(SOLD_OUT + 1..products.len() - 3),
        };
        let (mut lines, mut total) = (Vec::new(), Money::new(0, Currency::parse("EUR")?)?);
        for product in &products[first..first + self.random.random_range(1..=3)] {
            let pieces: u32 = self.random.random_range(1..=3);
            total = total.plus(product.unit_price.times(pieces)?)?;
            lines.push(Line {
                sku: product.sku.clone(),
                quantity: LineQuantity::parse(i64::from(pieces))?,
                unit_price: product.unit_price,
            });
        }
        Ok(Order { id: OrderId(v7(at, &mut self.random)), customer_id, lines, total, at, way })
    }

    async fn write(&mut self, id: OrderId, chapter: Chapter) -> anyhow::Result<()> {
        let mut ids = Vec::with_capacity(chapter.steps.len());
        for step in chapter.steps {
            let event_id = EventId(v7(step.time, &mut self.random));
            let metadata = Metadata {
                id: event_id,
                time: step.time,
                sequence: step.sequence,
                correlation: id.to_string(),
                causation: step.cause.and_then(|cause| ids.get(cause).copied()),
                trace: TraceContext {
                    traceparent: Some(format!("00-{:032x}-00f067aa0ba902b7-01", id.0.as_u128())),
                    tracestate: None,
                },
            };
            self.put(step.service, &step.event, &metadata).await?;
            ids.push(event_id);
        }
        Ok(())
    }

    /// The first event of its key, of no order.
    async fn alone(&mut self, service: &str, event: Event, time: Timestamp) -> anyhow::Result<()> {
        let metadata = Metadata {
            id: EventId(v7(time, &mut self.random)),
            time,
            sequence: 1,
            correlation: event.correlation(),
            causation: None,
            trace: TraceContext::default(),
        };
        self.put(service, &event, &metadata).await
    }

    async fn put(&mut self, service: &str, event: &Event, metadata: &Metadata) -> anyhow::Result<()> {
        self.bulk.write(service, event, metadata).await?;
        *self.written.entry(event.topic()).or_default() += 1;
        Ok(())
    }
}

/// The time in front, and noise of our own behind the variant.
fn v7(at: Timestamp, random: &mut StdRng) -> Uuid {
    let micros = u64::try_from(at.as_micros()).unwrap_or(0);
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
    let made = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, micros / 1_000_000, nanos));
    let noise: u64 = random.random();
    Uuid::from_u128((made.as_u128() & !0x3fff_ffff_ffff_ffff) | u128::from(noise & 0x3fff_ffff_ffff_ffff))
}
