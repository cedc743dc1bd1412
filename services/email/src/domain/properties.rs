//! Whatever comes, in whatever order, however often: one end for each mail, receipts before notices, nothing personal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use events::{
    CancelReason, CustomerErased, CustomerRegistered, EmailFailure, Event, Line, OrderCancelled,
    OrderConfirmed,
};
use kernel::{Currency, CustomerId, EventId, Ids, LineQuantity, Money, OrderId, Sku, Timestamp};
use messaging::{
    Handler as _, Intent, IntentChange, Metadata, NewIntent, Received, TraceContext, Worker as _,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Contact, Kind, Letter, Loaded, Outcome};
use crate::consumer::{Concluded, Email};

const NAME: &str = "Ada Lovelace";
const ORDERS: u128 = 3;

/// What may happen next. Orders are numbered; all belong to one customer.
#[derive(Clone, Copy, Debug)]
enum Move {
    Confirm(u128),
    CancelConfirmed(u128),
    CancelPending(u128),
    Register,
    Erase,
    /// The worker tries the oldest intent of an order; 0 the server takes it, 1 it refuses it, 2 it is away.
    Perform(u128, u8),
    /// A worker that lost its lease books the result of the same intent a second time.
    PerformTwice(u128),
}

/// Everything around the pure handler: the log's order is kept per key, everything else is up to the moves.
#[derive(Default)]
struct World {
    loaded: Loaded,
    intents: Vec<(u64, NewIntent)>,
    opened: Vec<(u128, &'static str)>,
    published: BTreeMap<u128, Vec<Event>>,
    ids: Counter,
    customer_sequence: i64,
    confirmed: BTreeSet<u128>,
    cancelled: BTreeSet<u128>,
}

#[derive(Default)]
struct Counter(AtomicU64);

impl Ids for Counter {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

fn who() -> CustomerId {
    CustomerId(Uuid::from_u128(99))
}

fn now() -> Timestamp {
    Timestamp::from_micros(1).unwrap()
}

fn lines() -> (Vec<Line>, Money) {
    let total = Money::new(5, Currency::parse("EUR").unwrap()).unwrap();
    let (sku, quantity) = (Sku::parse("A").unwrap(), LineQuantity::parse(1).unwrap());
    (vec![Line { sku, quantity, unit_price: total }], total)
}

fn confirmed(order: u128) -> Event {
    let (order_id, (lines, total)) = (OrderId(Uuid::from_u128(order)), lines());
    Event::OrderConfirmed(OrderConfirmed { order_id, customer_id: who(), lines, total, confirmed_at: now() })
}

fn cancelled(order: u128) -> Event {
    let (order_id, (lines, total)) = (OrderId(Uuid::from_u128(order)), lines());
    let (customer_id, reason, cancelled_at) = (who(), CancelReason::TimedOut, now());
    Event::OrderCancelled(OrderCancelled { order_id, customer_id, lines, total, reason, cancelled_at })
}

impl World {
    /// Handles an event, and its repeat when asked, without any inbox.
    fn hear(&mut self, event: Event, sequence: i64, times: usize) {
        let trace = TraceContext::default();
        let id = EventId(Uuid::from_u128(1));
        let metadata =
            Metadata { id, time: now(), sequence, correlation: String::new(), causation: None, trace };
        let received = Received { event, metadata };
        for _ in 0..times {
            let effects = Email.decide(&mut self.loaded, &received, now(), &self.ids).unwrap();
            assert!(effects.events.is_empty(), "hearing something publishes nothing");
            for change in effects.intents {
                if let IntentChange::Open(intent) = change {
                    self.opened.push((intent.key.parse::<Uuid>().unwrap().as_u128(), intent.kind));
                    self.intents.push((self.opened.len() as u64, intent));
                }
            }
        }
    }

    fn step(&mut self, next: Move, times: usize) {
        match next {
            Move::Confirm(order) => {
                if !self.cancelled.contains(&order) && self.confirmed.insert(order) {
                    self.hear(confirmed(order), 2, times);
                }
            }
            Move::CancelConfirmed(order) => {
                if self.confirmed.contains(&order) && self.cancelled.insert(order) {
                    self.hear(cancelled(order), 3, times);
                    self.hear(confirmed(order), 2, times - 1);
                }
            }
            Move::CancelPending(order) => {
                if !self.confirmed.contains(&order) && self.cancelled.insert(order) {
                    self.hear(cancelled(order), 2, times);
                }
            }
            Move::Register => {
                self.customer_sequence += 1;
                let (customer_id, name, email) = (who(), NAME.to_owned(), "ada@example.org".to_owned());
                let event = CustomerRegistered { customer_id, name, email, registered_at: now() };
                self.hear(Event::CustomerRegistered(event), self.customer_sequence, times);
            }
            Move::Erase => {
                self.customer_sequence += 1;
                let event = Event::CustomerErased(CustomerErased { customer_id: who() });
                self.hear(event, self.customer_sequence, times);
            }
            Move::Perform(order, answer) => self.perform(order, answer, 1),
            Move::PerformTwice(order) => self.perform(order, 0, 2),
        }
    }

    fn perform(&mut self, order: u128, answer: u8, times: usize) {
        let key = Uuid::from_u128(order).to_string();
        let Some(at) = self.intents.iter().position(|(_, intent)| intent.key == key) else { return };
        let outcome = match (self.loaded.customer(who()).contact.clone(), answer) {
            (Contact::Unknown, _) | (_, 2) => return,
            (Contact::Erased, _) => Outcome::Failed(EmailFailure::CustomerErased),
            (Contact::Known { .. }, 1) => Outcome::Failed(EmailFailure::AddressRefused),
            (Contact::Known { .. }, _) => Outcome::Sent { message_id: "id@example".to_owned() },
        };
        let (_, wanted) = self.intents.remove(at);
        let letter: Letter = serde_json::from_value(wanted.payload.clone()).unwrap();
        let intent = Intent {
            id: 1,
            key,
            kind: wanted.kind.to_owned(),
            payload: wanted.payload,
            causation: None,
            trace: TraceContext::default(),
            attempts: 1,
        };
        for _ in 0..times {
            let concluded = Concluded { letter: letter.clone(), outcome: outcome.clone() };
            let effects = Email.conclude(&mut self.loaded, &intent, concluded, now(), &self.ids);
            for outgoing in effects.events {
                let told = self.published.entry(order).or_default();
                told.push(outgoing.event);
                assert_eq!(usize::try_from(outgoing.sequence).unwrap(), told.len(), "numbers without gaps");
            }
        }
    }

    /// A customer that is known or gone, a server that works: everything that waits ends.
    fn settle(&mut self) {
        if self.loaded.customer(who()).contact == Contact::Unknown {
            self.step(Move::Register, 1);
        }
        for order in 0..ORDERS {
            self.perform(order, 0, 1);
            self.perform(order, 0, 1);
        }
    }

    fn check(&self) {
        assert!(self.intents.is_empty());
        for order in 0..ORDERS {
            let kinds: Vec<_> =
                self.opened.iter().filter(|(of, _)| *of == order).map(|(_, kind)| *kind).collect();
            let mut expected = Vec::new();
            expected.extend(self.confirmed.contains(&order).then_some(Kind::Receipt.name()));
            expected.extend(self.cancelled.contains(&order).then_some(Kind::Cancellation.name()));
            assert_eq!(kinds, expected, "each mail once, the receipt first");
            let ended: Vec<_> = self.published.get(&order).into_iter().flatten().map(kind_of).collect();
            assert_eq!(ended, expected, "one end for each mail, in order");
        }
        let told = format!("{:?}{:?}", self.published, self.opened);
        assert!(!told.contains(NAME) && !told.contains("ada@"), "{told}");
    }
}

fn kind_of(event: &Event) -> &'static str {
    let kind = match event {
        Event::EmailSent(sent) => sent.kind,
        Event::EmailFailed(failed) => failed.kind,
        other => panic!("email publishes no {other:?}"),
    };
    if kind == Kind::Receipt.into() { Kind::Receipt.name() } else { Kind::Cancellation.name() }
}

fn any_move() -> impl Strategy<Value = Move> {
    let order = 0..ORDERS;
    prop_oneof![
        4 => order.clone().prop_map(Move::Confirm),
        2 => order.clone().prop_map(Move::CancelConfirmed),
        2 => order.clone().prop_map(Move::CancelPending),
        2 => Just(Move::Register),
        1 => Just(Move::Erase),
        6 => (order.clone(), 0_u8..3).prop_map(|(order, answer)| Move::Perform(order, answer)),
        1 => order.prop_map(Move::PerformTwice),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn each_confirmation_and_each_cancellation_ends_in_exactly_one_event(
        moves in prop::collection::vec((any_move(), 1_usize..3), 0..30)
    ) {
        let mut world = World::default();
        for (next, times) in moves {
            world.step(next, times);
        }
        world.settle();
        world.check();
    }

    #[test]
    fn letters_hold_nothing_personal(order in 0..ORDERS) {
        let mut world = World::default();
        world.step(Move::Register, 1);
        world.step(Move::Confirm(order), 1);
        let payload = world.intents[0].1.payload.to_string();
        prop_assert!(!payload.contains(NAME) && !payload.contains('@'));
    }
}
