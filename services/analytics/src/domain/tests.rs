//! Any history of orders, in any order, with any repeats, comes to the sums that the orders themselves come to.

use std::collections::BTreeMap;

use events::{
    CancelReason, Channel, Event, Line, OrderCancelled, OrderConfirmed, OrderCreated, PaymentToken,
};
use kernel::{Currency, CustomerId, LineQuantity, Money, OrderId, Sku, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use super::*;

const HOUR: i64 = 3_600_000_000;

/// An order, and what becomes of it.
#[derive(Clone, Debug)]
struct Story {
    id: OrderId,
    lines: Vec<Line>,
    placed: i64,
    confirmed: Option<i64>,
    cancelled: Option<CancelReason>,
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::parse("EUR").unwrap()).unwrap()
}

fn line(sku: &str, quantity: i64, price: i64) -> Line {
    Line {
        sku: Sku::parse(sku).unwrap(),
        quantity: LineQuantity::parse(quantity).unwrap(),
        unit_price: eur(price),
    }
}

impl Story {
    /// Its events with their numbers, as they are in the log.
    fn told(&self) -> Vec<(Event, i64)> {
        let (order_id, customer_id, lines) = (self.id, CustomerId(Uuid::nil()), self.lines.clone());
        let total = eur(1);
        let mut told = vec![Event::from(OrderCreated {
            order_id,
            customer_id,
            lines: lines.clone(),
            total,
            payment_token: PaymentToken::parse("tok_ok").unwrap(),
            created_at: at(self.placed),
            deadline_at: at(self.placed),
            channel: Channel::Unknown,
        })];
        if let Some(confirmed) = self.confirmed {
            let (lines, confirmed_at) = (lines.clone(), at(confirmed));
            told.push(OrderConfirmed { order_id, customer_id, lines, total, confirmed_at }.into());
        }
        if let Some(reason) = self.cancelled {
            let cancelled_at = at(self.placed + 50 * HOUR);
            told.push(OrderCancelled { order_id, customer_id, lines, total, reason, cancelled_at }.into());
        }
        told.into_iter().zip(1..).collect()
    }
}

/// What the tables hold.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tables {
    orders: BTreeMap<OrderId, Facts>,
    sales: BTreeMap<(Hour, Product), Sales>,
    conversion: BTreeMap<Hour, Conversion>,
}

impl Tables {
    /// As the store does it with a batch: load, take in, save.
    fn hear(&mut self, batch: &[(Event, i64)]) {
        let mut loaded = Loaded::new(self.orders.clone());
        for (event, sequence) in batch {
            loaded.take(&Fact::of(event).unwrap(), *sequence).unwrap();
        }
        self.orders.extend(loaded.changed().map(|(id, facts)| (id, *facts)));
        for (hour, product, more) in loaded.sales() {
            let sales = self.sales.entry((hour, product.clone())).or_default();
            sales.sold = sales.sold.plus(more.sold).unwrap();
            sales.back = sales.back.plus(more.back).unwrap();
        }
        for (hour, more) in loaded.conversion() {
            let conversion = self.conversion.entry(hour).or_default();
            conversion.0.iter_mut().zip(more.0).for_each(|(count, more)| *count += more);
        }
    }
}

/// The same sums, from the orders instead of their events.
fn counted(stories: &[Story]) -> (BTreeMap<(Hour, Product), Sales>, BTreeMap<Hour, Conversion>) {
    let (mut sales, mut conversion) = (BTreeMap::<_, Sales>::new(), BTreeMap::<_, Conversion>::new());
    for story in stories {
        let fate = match (story.cancelled, story.confirmed) {
            (Some(reason), _) => Fate::Cancelled(reason),
            (None, Some(_)) => Fate::Confirmed,
            (None, None) => Fate::Pending,
        };
        conversion.entry(Hour::of(at(story.placed))).or_default().add(fate, 1);
        for line in story.lines.iter().filter(|_| story.confirmed.is_some()) {
            let product = Product { sku: line.sku.clone(), currency: line.unit_price.currency() };
            let hour = Hour::of(at(story.confirmed.unwrap()));
            let sum: &mut Sales = sales.entry((hour, product)).or_default();
            let figures = Figures::of(line).unwrap();
            sum.sold = sum.sold.plus(figures).unwrap();
            if story.cancelled.is_some() {
                sum.back = sum.back.plus(figures).unwrap();
            }
        }
    }
    (sales, conversion)
}

fn story() -> impl Strategy<Value = Story> {
    let reason = prop::sample::select(vec![
        CancelReason::Unknown,
        CancelReason::OutOfStock,
        CancelReason::PaymentDeclined,
        CancelReason::CaptureFailed,
        CancelReason::TimedOut,
        CancelReason::CustomerRequest,
    ]);
    let lines = prop::collection::btree_map("[abc]", (1_i64..=5, 0_i64..=300), 1..=3);
    let placed = -3 * HOUR..3 * HOUR;
    (lines, placed, prop::option::of(0..2 * HOUR), prop::option::of(reason)).prop_map(
        |(lines, placed, confirmed, cancelled)| Story {
            id: OrderId(Uuid::nil()),
            lines: lines.iter().map(|(sku, (quantity, price))| line(sku, *quantity, *price)).collect(),
            placed,
            confirmed: confirmed.map(|after| placed + after),
            cancelled,
        },
    )
}

fn stories() -> impl Strategy<Value = Vec<Story>> {
    prop::collection::vec(story(), 0..6).prop_map(|mut stories| {
        for (story, number) in stories.iter_mut().zip(1_u128..) {
            story.id = OrderId(Uuid::from_u128(number));
        }
        stories
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_repeat_no_order_of_arrival_and_no_batch_changes_a_figure(
        stories in stories(),
        shuffle in prop::collection::vec(any::<Index>(), 0..60),
        batch in 1_usize..5,
    ) {
        let told: Vec<_> = stories.iter().flat_map(Story::told).collect();
        // Some of them once more and in any order, and then all of them.
        let early = shuffle.iter().filter(|_| !told.is_empty()).map(|index| index.get(&told).clone());
        let arrived: Vec<_> = early.chain(told.iter().rev().cloned()).chain(told.iter().cloned()).collect();
        let mut tables = Tables::default();
        for batch in arrived.chunks(batch) {
            tables.hear(batch);
        }
        let (sales, conversion) = counted(&stories);
        prop_assert_eq!(&tables.sales, &sales);
        // An hour that all orders have left is not there in the one, and empty in neither: orders stay in their hour.
        prop_assert_eq!(&tables.conversion, &conversion);
        for sales in sales.values() {
            let net = sales.net();
            prop_assert!(net.orders >= 0 && net.units >= 0 && net.amount_minor >= 0);
        }
    }
}

#[test]
fn a_sale_that_is_cancelled_days_later_is_taken_back_in_the_hour_it_was_sold_in() {
    let story = Story {
        id: OrderId(Uuid::max()),
        lines: vec![line("a", 2, 100), line("b", 1, 50)],
        placed: 10 * HOUR + 59 * 60_000_000,
        confirmed: Some(11 * HOUR),
        cancelled: Some(CancelReason::CustomerRequest),
    };
    let mut tables = Tables::default();
    tables.hear(&story.told());
    let hours: Vec<_> =
        tables.sales.keys().map(|(hour, product)| (hour.begin(), product.sku.as_str())).collect();
    assert_eq!(hours, [(at(11 * HOUR), "a"), (at(11 * HOUR), "b")]);
    let sold = Figures { orders: 1, units: 2, amount_minor: 200 };
    let first = tables.sales.values().next().unwrap();
    assert_eq!((*first, first.net()), (Sales { sold, back: sold }, Figures::default()));
    let placed = tables.conversion[&Hour::of(at(10 * HOUR))];
    assert_eq!((placed.placed(), placed.of(Fate::Cancelled(CancelReason::CustomerRequest))), (1, 1));
}

#[test]
fn hours_before_1970_begin_before_what_is_in_them() {
    assert_eq!(Hour::of(at(-1)).begin(), at(-HOUR));
    assert_eq!(Hour::of(at(HOUR - 1)).begin(), at(0));
    assert_eq!(Hour::of(at(HOUR)).begin(), at(HOUR));
}

#[test]
fn what_does_not_fit_into_64_bits_is_refused_and_never_wraps() {
    let story = |number, price| Story {
        id: OrderId(Uuid::from_u128(number)),
        lines: vec![line("a", 2, price)],
        placed: 0,
        confirmed: Some(0),
        cancelled: None,
    };
    let take = |loaded: &mut Loaded, story: &Story| {
        let told = story.told();
        loaded.take(&Fact::of(&told[1].0).unwrap(), 2)
    };
    let mut loaded = Loaded::default();
    assert_eq!(take(&mut loaded, &story(1, i64::MAX)), Err(Overflow), "one line");
    let mut loaded = Loaded::default();
    assert_eq!(take(&mut loaded, &story(1, i64::MAX / 2)), Ok(true));
    assert_eq!(take(&mut loaded, &story(2, 2)), Err(Overflow), "the sum of two orders");
}

#[test]
fn a_gap_is_seen_and_what_comes_late_is_taken_all_the_same() {
    let story = Story {
        id: OrderId(Uuid::from_u128(7)),
        lines: vec![line("a", 1, 1)],
        placed: 0,
        confirmed: Some(0),
        cancelled: None,
    };
    let told = story.told();
    let mut loaded = Loaded::default();
    assert!(!loaded.misses_some_before(story.id, 1));
    assert!(loaded.misses_some_before(story.id, 2));
    assert_eq!(loaded.take(&Fact::of(&told[1].0).unwrap(), 2), Ok(true));
    assert_eq!(loaded.take(&Fact::of(&told[1].0).unwrap(), 2), Ok(false));
    assert!(!loaded.misses_some_before(story.id, 3));
    assert_eq!(loaded.take(&Fact::of(&told[0].0).unwrap(), 1), Ok(true));
    assert_eq!(loaded.facts(story.id).orders_seen, kernel::Seen(2));
}
