//! The world around billing: a log that repeats itself, a worker that may die.

use std::collections::BTreeSet;

use billing::consumer::{Billing, Loaded};
use billing::domain::{Answer, Payment, evolve};
use billing::worker::Caller;
use events::{CancelReason, Channel, Event, OrderCancelled, OrderConfirmed, OrderCreated, PaymentToken};
use kernel::{Currency, CustomerId, EventId, Ids, Money, OrderId, Timestamp};
use messaging::{
    Effects, Handler as _, Intent, IntentChange, Metadata, Perform as _, Received, TraceContext, Worker as _,
};
use proptest::sample::Index;
use uuid::Uuid;

use crate::gateway::{ModelGateway, Token};

/// What may happen next.
#[derive(Clone, Debug)]
pub enum Step {
    /// The next record of the log.
    Deliver,
    /// One that was delivered before.
    DeliverAgain(Index),
    /// The order is confirmed, if it may be.
    Confirm,
    /// The order is cancelled, if it is not yet.
    Cancel,
    /// A worker claims the open intent and calls; its lease may be the second on the same intent.
    Claim,
    /// A worker claims the open intent and does not get through.
    ClaimInVain,
    /// The answer is booked.
    Conclude,
    /// The worker dies with the answer.
    Crash,
}

/// Everything there is.
pub struct World {
    pub gateway: &'static ModelGateway,
    pub published: Vec<(i64, Event)>,
    loaded: Loaded,
    intents: Vec<Intent>,
    in_flight: Option<(Intent, Answer)>,
    log: Vec<Event>,
    delivered: usize,
    numbered: bool,
}

struct Numbers(std::sync::atomic::AtomicU64);

impl Ids for Numbers {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
    }
}

static IDS: Numbers = Numbers(std::sync::atomic::AtomicU64::new(1));
const ORDER: OrderId = OrderId(Uuid::from_u128(7));
const CUSTOMER: CustomerId = CustomerId(Uuid::from_u128(8));

fn now() -> Timestamp {
    Timestamp::from_micros(1_767_261_600_000_000).unwrap()
}

/// What the order costs.
pub fn total() -> Money {
    Money::new(3_548, Currency::parse("EUR").unwrap()).unwrap()
}

impl World {
    /// An order that was just created; with `numbered` its records carry `ce_sequence`. An order that is cancelled unheard
    /// is created late.
    pub fn new(token: Token, numbered: bool, cancelled_unheard: bool) -> Self {
        let gateway = Box::leak(Box::new(ModelGateway::new(token)));
        let mut world = Self {
            gateway,
            published: Vec::new(),
            loaded: Loaded::default(),
            intents: Vec::new(),
            in_flight: None,
            log: Vec::new(),
            delivered: 0,
            numbered,
        };
        if cancelled_unheard {
            world.cancel();
        }
        let payment_token = PaymentToken::parse("tok_ok").unwrap();
        let (created_at, deadline_at, total) = (now(), now(), total());
        let created = OrderCreated {
            order_id: ORDER,
            customer_id: CUSTOMER,
            lines: vec![],
            total,
            payment_token,
            created_at,
            deadline_at,
            channel: Channel::Unknown,
        };
        world.log.push(created.into());
        world
    }

    pub fn cancelled(&self) -> bool {
        self.log.iter().any(|event| matches!(event, Event::OrderCancelled(_)))
    }

    pub fn confirmed(&self) -> bool {
        self.log.iter().any(|event| matches!(event, Event::OrderConfirmed(_)))
    }

    fn is_published(&self, wanted: fn(&Event) -> bool) -> bool {
        self.published.iter().any(|(_, event)| wanted(event))
    }

    pub fn payment(&mut self) -> Payment {
        self.loaded.slot(ORDER).payment.clone()
    }

    /// What a rebuild would make of the log; what no event tells is taken from the live payment.
    pub fn fold(&mut self) -> Payment {
        let live = self.payment();
        let mut payment = Payment::unknown(ORDER);
        let own = self.published.iter().map(|(_, event)| event);
        self.log.iter().chain(own).for_each(|event| evolve(&mut payment, event));
        payment.sequence.0 = self.published.last().map_or(0, |(sequence, _)| *sequence);
        Payment { attempts: live.attempts, orders_seen: live.orders_seen, ..payment }
    }

    pub fn take(&mut self, step: &Step) {
        match step {
            Step::Deliver if self.delivered < self.log.len() => {
                self.delivered += 1;
                self.handle(self.delivered - 1);
            }
            Step::DeliverAgain(index) if self.delivered > 0 => self.handle(index.index(self.delivered)),
            Step::Confirm => self.confirm(),
            Step::Cancel => self.cancel(),
            Step::Claim => self.claim(true),
            Step::ClaimInVain => self.claim(false),
            Step::Conclude => self.conclude(),
            Step::Crash => self.in_flight = None,
            Step::Deliver | Step::DeliverAgain(_) => {}
        }
    }

    /// Until nothing is left to do; the order answers a failed capture as the order service does.
    pub fn settle(&mut self) {
        for _ in 0..20 {
            while self.delivered < self.log.len() {
                self.take(&Step::Deliver);
            }
            self.claim(true);
            self.conclude();
            if self.is_published(|event| matches!(event, Event::PaymentCaptureFailed(_))) {
                self.cancel();
            }
        }
        assert!(self.intents.is_empty() && self.delivered == self.log.len(), "it never settles");
    }

    /// Whatever happens meanwhile.
    pub fn check_always(&mut self) {
        assert!(self.intents.len() <= 1, "one call at a time");
        let tried = self.intents.first().map(|intent| intent.attempts > 0);
        let open = self.loaded.slot(ORDER).open;
        assert_eq!(open.is_some(), tried.is_some(), "what billing believes to be open is open");
    }

    fn confirm(&mut self) {
        let authorized = self.is_published(|event| matches!(event, Event::PaymentAuthorized(_)));
        if authorized && !self.confirmed() && !self.cancelled() {
            let (total, confirmed_at) = (total(), now());
            let confirmed =
                OrderConfirmed { order_id: ORDER, customer_id: CUSTOMER, lines: vec![], total, confirmed_at };
            self.log.push(confirmed.into());
        }
    }

    fn cancel(&mut self) {
        if !self.cancelled() {
            let cancelled = OrderCancelled {
                order_id: ORDER,
                customer_id: CUSTOMER,
                lines: vec![],
                total: total(),
                reason: CancelReason::CustomerRequest,
                cancelled_at: now(),
            };
            self.log.push(cancelled.into());
        }
    }

    fn handle(&mut self, offset: usize) {
        let sequence = if self.numbered { i64::try_from(offset).unwrap() + 1 } else { 0 };
        let metadata = Metadata {
            id: EventId(IDS.next()),
            time: now(),
            sequence,
            correlation: ORDER.to_string(),
            causation: None,
            trace: TraceContext::default(),
        };
        self.load();
        let received = Received { event: self.log[offset].clone(), metadata };
        let effects = Billing.decide(&mut self.loaded, &received, now(), &IDS).unwrap();
        self.write(effects);
    }

    /// As the store does: whether the open call was tried is read from its intent.
    fn load(&mut self) {
        let tried = self.intents.first().is_some_and(|intent| intent.attempts > 0);
        if let Some(open) = &mut self.loaded.slot(ORDER).open {
            open.tried = tried;
        }
    }

    fn write(&mut self, effects: Effects<Event>) {
        self.published.extend(effects.events.into_iter().map(|outgoing| (outgoing.sequence, outgoing.event)));
        for change in effects.intents {
            match change {
                IntentChange::Open(new) => self.intents.push(Intent {
                    id: i64::try_from(IDS.next().as_u128()).unwrap(),
                    key: new.key,
                    kind: new.kind.to_owned(),
                    payload: new.payload,
                    causation: None,
                    trace: TraceContext::default(),
                    attempts: 0,
                }),
                IntentChange::Withdraw { key } => {
                    self.intents.retain(|intent| intent.key != key || intent.attempts > 0);
                }
                IntentChange::Wake { .. } => panic!("billing waits for nobody"),
            }
        }
    }

    fn claim(&mut self, gets_through: bool) {
        let Some(intent) = self.intents.first_mut() else { return };
        intent.attempts += 1;
        // The former holder's answer is nobody's any more.
        self.in_flight = None;
        if gets_through {
            let intent = intent.clone();
            let caller = Caller::new(self.gateway);
            let answer = futures::executor::block_on(caller.perform(&intent)).unwrap();
            self.in_flight = Some((intent, answer));
        }
    }

    fn conclude(&mut self) {
        let Some((intent, answer)) = self.in_flight.take() else { return };
        let mut keys = BTreeSet::new();
        Billing.intent_keys(&intent, &mut keys);
        assert_eq!(keys, BTreeSet::from([ORDER]));
        self.intents.retain(|open| open.id != intent.id);
        self.load();
        let effects = Billing.conclude(&mut self.loaded, &intent, answer, now(), &IDS);
        self.write(effects);
        let attempts = self.payment().attempts;
        assert_eq!(i64::from(attempts), i64::from(intent.attempts), "calls are counted");
    }
}
