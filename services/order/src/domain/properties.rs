//! Whatever happens in whatever order, an order keeps the invariants of the business; and it is the fold of its events.

use std::collections::VecDeque;
use std::time::Duration;

use events::{CancelReason, Event, topics};
use kernel::event::Event as _;
use kernel::{EventId, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::Config;
use uuid::Uuid;

use super::fixtures::*;
use super::{Decision, Fact, Fate, Order, Payment, Stock, Tracked, Trigger};

const WINDOW_S: u64 = 1_000;
/// Turns a store gets to come to rest after the last thing that happened to it.
const REST_TURNS: usize = 8;

/// What may happen next; what is not possible at that moment does nothing.
#[derive(Clone, Copy, Debug)]
enum Turn {
    WarehouseReads,
    BillingReads,
    OrderReadsStock,
    OrderReadsPayment,
    StockIsRepeated,
    PaymentIsRepeated,
    CustomerCancels,
    Sweeps,
    TimePasses(i64),
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => Just(Turn::WarehouseReads),
        4 => Just(Turn::BillingReads),
        4 => Just(Turn::OrderReadsStock),
        4 => Just(Turn::OrderReadsPayment),
        1 => Just(Turn::StockIsRepeated),
        1 => Just(Turn::PaymentIsRepeated),
        1 => Just(Turn::CustomerCancels),
        1 => Just(Turn::Sweeps),
        2 => (1_i64..400).prop_map(Turn::TimePasses),
    ]
}

/// How the outside answers in this run.
#[derive(Clone, Copy, Debug)]
struct World {
    in_stock: bool,
    authorizes: bool,
    captures: bool,
}

fn world() -> impl Strategy<Value = World> {
    any::<[bool; 3]>().prop_map(|[in_stock, authorizes, captures]| World { in_stock, authorizes, captures })
}

/// One order with its participants, as the design's table has them, and the topics between.
struct Store {
    world: World,
    now: i64,
    tracked: Tracked,
    log: Vec<(EventId, i64, Event)>,
    to_warehouse: VecDeque<Event>,
    to_billing: VecDeque<Event>,
    stock: Stock,
    payment: Payment,
    stock_replies: Vec<Event>,
    payment_replies: Vec<Event>,
    stock_read: usize,
    payment_read: usize,
}

impl Store {
    fn new(world: World) -> Self {
        let first: Event = created().into();
        Self {
            world,
            now: 0,
            tracked: placed(),
            log: vec![(event_id(0), 1, first.clone())],
            to_warehouse: VecDeque::from([first.clone()]),
            to_billing: VecDeque::from([first]),
            stock: Stock::Pending,
            payment: Payment::Pending,
            stock_replies: Vec::new(),
            payment_replies: Vec::new(),
            stock_read: 0,
            payment_read: 0,
        }
    }

    fn time(&self) -> Timestamp {
        at(self.now)
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::WarehouseReads => self.warehouse_reads(),
            Turn::BillingReads => self.billing_reads(),
            Turn::OrderReadsStock if self.stock_read < self.stock_replies.len() => {
                self.stock_read += 1;
                self.order_reads(topics::INVENTORY, self.stock_read);
            }
            Turn::OrderReadsPayment if self.payment_read < self.payment_replies.len() => {
                self.payment_read += 1;
                self.order_reads(topics::PAYMENTS, self.payment_read);
            }
            Turn::StockIsRepeated if self.stock_read > 0 => self.order_reads(topics::INVENTORY, 1),
            Turn::PaymentIsRepeated if self.payment_read > 0 => {
                self.order_reads(topics::PAYMENTS, self.payment_read);
            }
            Turn::OrderReadsStock
            | Turn::OrderReadsPayment
            | Turn::StockIsRepeated
            | Turn::PaymentIsRepeated => {}
            Turn::CustomerCancels => {
                self.order_decides(Trigger::Customer { window: Duration::from_secs(WINDOW_S) });
            }
            Turn::Sweeps => self.order_decides(Trigger::Deadline),
            Turn::TimePasses(seconds) => self.now += seconds,
        }
    }

    fn order_reads(&mut self, topic: &str, number: usize) {
        let replies = if topic == topics::INVENTORY { &self.stock_replies } else { &self.payment_replies };
        let event = replies[number - 1].clone();
        let base = if topic == topics::INVENTORY { 0x1_0000 } else { 0x2_0000 };
        let (id, sequence) = (event_id(base + number as u128), i64::try_from(number).unwrap());
        if self.tracked.evolve(Fact { id, sequence, event: &event }).moved {
            self.log.push((id, sequence, event));
        }
        self.order_decides(Trigger::Reply);
    }

    fn order_decides(&mut self, trigger: Trigger) {
        let Ok(Decision::Changed(event)) = self.tracked.order.decide(trigger, self.time()) else { return };
        let sequence = self.tracked.order.sequence.0 + 1;
        let id = EventId(Uuid::from_u128(0xF_0000 + u128::try_from(sequence).unwrap()));
        assert!(
            self.tracked.evolve(Fact { id, sequence, event: &event }).moved,
            "a decision moves its order"
        );
        self.log.push((id, sequence, (*event).clone()));
        self.to_warehouse.push_back((*event).clone());
        self.to_billing.push_back(*event);
    }

    fn warehouse_reads(&mut self) {
        let Some(event) = self.to_warehouse.pop_front() else { return };
        let next = match (event, self.stock) {
            (Event::OrderCreated(_), Stock::Pending) if self.world.in_stock => Stock::Reserved,
            (Event::OrderCreated(_), Stock::Pending) => Stock::Rejected,
            (Event::OrderConfirmed(_), Stock::Reserved) => Stock::Committed,
            (Event::OrderCancelled(_), Stock::Pending | Stock::Reserved | Stock::Committed) => {
                Stock::Released
            }
            _ => return,
        };
        self.stock = next;
        self.stock_replies.push(stock_reply(next, self.time()));
    }

    fn billing_reads(&mut self) {
        let Some(event) = self.to_billing.pop_front() else { return };
        let next = match (event, self.payment) {
            (Event::OrderCreated(_), Payment::Pending) if self.world.authorizes => Payment::Authorized,
            (Event::OrderCreated(_), Payment::Pending) => Payment::Declined,
            (Event::OrderConfirmed(_), Payment::Authorized) if self.world.captures => Payment::Captured,
            (Event::OrderConfirmed(_), Payment::Authorized) => Payment::CaptureFailed,
            (Event::OrderCancelled(_), Payment::Captured) => Payment::Refunded,
            (Event::OrderCancelled(_), Payment::Pending | Payment::Authorized | Payment::CaptureFailed) => {
                Payment::Voided
            }
            _ => return,
        };
        self.payment = next;
        self.payment_replies.push(payment_reply(next, self.time()));
    }

    /// Nothing new happens, everything under way arrives, and the deadline comes.
    fn rest(&mut self) {
        for _ in 0..REST_TURNS {
            for turn in
                [Turn::WarehouseReads, Turn::BillingReads, Turn::OrderReadsStock, Turn::OrderReadsPayment]
            {
                self.take(turn);
            }
        }
    }

    fn own_events(&self) -> Vec<&Event> {
        self.log.iter().map(|(_, _, event)| event).filter(|event| event.topic() == topics::ORDERS).collect()
    }
}

/// Invariant 2: decided once; a confirmed order may be cancelled once more, for two reasons only.
fn decided_once(store: &Store) -> Result<(), TestCaseError> {
    let decisions: Vec<&Event> = store.own_events().into_iter().skip(1).collect();
    let twice = |reason| matches!(reason, CancelReason::CustomerRequest | CancelReason::CaptureFailed);
    match decisions[..] {
        [] => prop_assert_eq!(store.tracked.order.fate, Fate::Pending),
        [Event::OrderConfirmed(_) | Event::OrderCancelled(_)] => {}
        [Event::OrderConfirmed(_), Event::OrderCancelled(cancelled)] => prop_assert!(twice(cancelled.reason)),
        ref other => prop_assert!(false, "{other:?}"),
    }
    Ok(())
}

/// What holds at every moment.
fn holds_always(store: &Store) -> Result<(), TestCaseError> {
    decided_once(store)?;
    let order = &store.tracked.order;
    prop_assert_eq!(order.sequence.0, i64::try_from(store.own_events().len()).unwrap());
    let numbers: Vec<i64> = store.tracked.unsaved.iter().map(|change| change.number).collect();
    prop_assert_eq!(numbers, (1..=order.changes).collect::<Vec<_>>());
    if let Fate::Confirmed { .. } = order.fate {
        prop_assert!(store.world.in_stock && store.world.authorizes, "confirmed without both");
    }
    // Invariant 8, at this moment: the same facts in the order they happened, and topic by topic, make the same order.
    prop_assert_eq!(&fold(&store.log), order);
    let mut by_topic = store.log.clone();
    by_topic.sort_by_key(|(_, _, event)| {
        ["orders", "payments", "inventory"].iter().position(|topic| *topic == event.topic())
    });
    prop_assert_eq!(&fold(&by_topic), order);
    Ok(())
}

fn fold(log: &[(EventId, i64, Event)]) -> Order {
    let mut tracked = placed();
    for (id, sequence, event) in log {
        tracked.evolve(Fact { id: *id, sequence: *sequence, event });
    }
    tracked.order
}

/// Invariants 3 and 5, when the store is quiet.
fn holds_at_rest(store: &Store) -> Result<(), TestCaseError> {
    let order = &store.tracked.order;
    prop_assert!(order.is_settled(), "{:?}", order);
    match order.fate {
        Fate::Pending => prop_assert!(false, "an order waits for ever"),
        Fate::Confirmed { .. } => {
            prop_assert_eq!((store.stock, store.payment), (Stock::Committed, Payment::Captured));
        }
        Fate::Cancelled { .. } => prop_assert!(store.stock.is_undone() && store.payment.is_undone()),
    }
    prop_assert_eq!((order.progress.stock, order.progress.payment), (store.stock, store.payment));
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 10_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn an_order_keeps_the_invariants_at_every_moment_and_settles(
        world in world(),
        turns in proptest::collection::vec(turn(), 0..60),
    ) {
        let mut store = Store::new(world);
        for turn in turns {
            store.take(turn);
        }
        holds_always(&store)?;
        store.rest();
        holds_always(&store)?;
        holds_at_rest(&store)?;
    }

    /// Replies nobody would send: in any order, of any number, again and with gaps.
    #[test]
    fn no_sequence_of_replies_breaks_an_order(
        happenings in proptest::collection::vec((0_i64..6, 0_usize..13, 0_i64..2_000), 0..40),
    ) {
        let mut tracked = placed();
        for (sequence, what, now) in happenings {
            let before = tracked.order.clone();
            match what {
                0..=3 => drop(hear(&mut tracked, sequence, &stock_reply(STOCKS[what + 1], at(now)))),
                4..=9 => drop(hear(&mut tracked, sequence, &payment_reply(PAYMENTS[what - 3], at(now)))),
                10 => drop(act(&mut tracked, Trigger::Deadline, at(now))),
                _ => drop(act(&mut tracked, Trigger::Customer { window: Duration::from_secs(WINDOW_S) }, at(now))),
            }
            let after = &tracked.order;
            prop_assert!(after.updated_at >= before.updated_at && after.changes >= before.changes);
            if before.progress.stock.is_undone() { prop_assert_eq!(after.progress.stock, before.progress.stock); }
            if before.progress.payment.is_undone() { prop_assert_eq!(after.progress.payment, before.progress.payment); }
            match (before.fate, after.fate) {
                (Fate::Cancelled { .. }, fate) => prop_assert_eq!(fate, before.fate),
                (Fate::Confirmed { .. }, fate) => prop_assert_ne!(fate, Fate::Pending),
                (Fate::Pending, _) => {}
            }
        }
    }
}
