//! Orders and events for the tests of this room.

use events::{
    CancelReason, Channel, Event, Line, OrderCreated, PaymentAuthorized, PaymentCaptureFailed,
    PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentToken, PaymentVoided, ReleasedFrom,
    StockCommitted, StockRejected, StockReleased, StockReserved,
};
use kernel::event::Event as _;
use kernel::{Currency, CustomerId, EventId, LineQuantity, Money, OrderId, Sku, Timestamp};
use uuid::Uuid;

use super::{Decision, Fact, Fate, Folded, Order, Payment, Progress, Stock, Tracked, Trigger};

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

pub(super) const DEADLINE_S: i64 = 600;

pub(super) fn order_id() -> OrderId {
    OrderId(Uuid::from_u128(1))
}

fn total() -> Money {
    Money::new(700, Currency::parse("EUR").unwrap()).unwrap()
}

pub(super) fn created() -> OrderCreated {
    let line = Line {
        sku: Sku::parse("TEA").unwrap(),
        quantity: LineQuantity::parse(2).unwrap(),
        unit_price: Money::new(350, Currency::parse("EUR").unwrap()).unwrap(),
    };
    OrderCreated {
        order_id: order_id(),
        customer_id: CustomerId(Uuid::from_u128(2)),
        lines: vec![line],
        total: total(),
        payment_token: PaymentToken::parse("tok_ok").unwrap(),
        created_at: at(0),
        deadline_at: at(DEADLINE_S),
        channel: Channel::Unknown,
    }
}

pub(super) fn placed() -> Tracked {
    Order::begin(event_id(0), &created())
}

pub(super) fn event_id(number: u128) -> EventId {
    EventId(Uuid::from_u128(0xE000 + number))
}

/// An order that stands there as the log would have it.
pub(super) fn order(fate: Fate, stock: Stock, payment: Payment) -> Tracked {
    let mut order = placed().order;
    order.fate = fate;
    order.progress = Progress { stock, payment };
    Tracked::loaded(order)
}

pub(super) const STOCKS: [Stock; 5] =
    [Stock::Pending, Stock::Reserved, Stock::Rejected, Stock::Committed, Stock::Released];
pub(super) const PAYMENTS: [Payment; 7] = [
    Payment::Pending,
    Payment::Authorized,
    Payment::Declined,
    Payment::Captured,
    Payment::CaptureFailed,
    Payment::Voided,
    Payment::Refunded,
];

pub(super) fn cancelled(reason: CancelReason) -> Fate {
    Fate::Cancelled { reason, confirmed_at: None }
}

pub(super) fn stock_reply(stock: Stock, when: Timestamp) -> Event {
    let order_id = order_id();
    match stock {
        Stock::Pending => unreachable!("no reply says so"),
        Stock::Reserved => StockReserved { order_id, lines: Vec::new(), reserved_at: when }.into(),
        Stock::Rejected => StockRejected { order_id, shortages: Vec::new(), rejected_at: when }.into(),
        Stock::Committed => StockCommitted { order_id, lines: Vec::new(), committed_at: when }.into(),
        Stock::Released => {
            StockReleased { order_id, lines: Vec::new(), from: ReleasedFrom::Reserved, released_at: when }
                .into()
        }
    }
}

pub(super) fn payment_reply(payment: Payment, when: Timestamp) -> Event {
    let (order_id, amount) = (order_id(), total());
    let (reference, code) = ("ref".to_owned(), "refused".to_owned());
    match payment {
        Payment::Pending => unreachable!("no reply says so"),
        Payment::Authorized => {
            PaymentAuthorized { order_id, amount, gateway_reference: reference, authorized_at: when }.into()
        }
        Payment::Declined => {
            PaymentDeclined { order_id, amount, gateway_reference: None, code, declined_at: when }.into()
        }
        Payment::Captured => {
            PaymentCaptured { order_id, amount, gateway_reference: reference, captured_at: when }.into()
        }
        Payment::CaptureFailed => {
            PaymentCaptureFailed { order_id, amount, gateway_reference: None, code, failed_at: when }.into()
        }
        Payment::Voided => {
            PaymentVoided { order_id, amount: Some(amount), gateway_reference: None, voided_at: when }.into()
        }
        Payment::Refunded => {
            PaymentRefunded { order_id, amount, gateway_reference: reference, refunded_at: when }.into()
        }
    }
}

/// What the order decides, folded into it as the service does; the event it published.
pub(super) fn act(tracked: &mut Tracked, trigger: Trigger, now: Timestamp) -> Result<Event, &'static str> {
    match tracked.order.decide(trigger, now) {
        Ok(Decision::Changed(event)) => {
            let sequence = tracked.order.sequence.0 + 1;
            let id = EventId(Uuid::from_u128(0xA000 + u128::try_from(sequence).unwrap()));
            tracked.evolve(Fact { id, sequence, event: &event });
            Ok(*event)
        }
        Ok(Decision::Ignored(reason)) => Err(reason),
        Err(_) => Err("past the window"),
    }
}

/// What a reply came to: how it was folded, and what was decided then.
pub(super) struct Heard(pub(super) Folded, pub(super) Result<Event, &'static str>);

/// A reply arrives, the `sequence`th of its topic: folded, then decided upon.
pub(super) fn hear(tracked: &mut Tracked, sequence: i64, event: &Event) -> Heard {
    let id = EventId(Uuid::from_u128(0xB000 + u128::try_from(sequence).unwrap()));
    let folded = tracked.evolve(Fact { id, sequence, event });
    Heard(folded, act(tracked, Trigger::Reply, at(10)))
}

pub(super) fn short_name(event: &Event) -> String {
    match event {
        Event::OrderCancelled(event) => format!("OrderCancelled {:?}", event.reason),
        other => other.name().rsplit('.').next().unwrap_or_default().to_owned(),
    }
}
