//! The order that the tests of the domain are about.

use events::{
    CancelReason, Channel, Event, Line, OrderCancelled, OrderConfirmed, OrderCreated, PaymentAuthorized,
    PaymentCaptureFailed, PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentToken, PaymentVoided,
};
use kernel::{Currency, CustomerId, LineQuantity, Money, OrderId, Sku, Timestamp};
use uuid::Uuid;

use super::{Answer, Asked, Call, Code, Open, Operation, Payment, Reference, Standing, evolve};

pub(super) fn order_id() -> OrderId {
    OrderId(Uuid::from_u128(7))
}

pub(super) fn total() -> Money {
    Money::new(3_548, Currency::parse("EUR").unwrap()).unwrap()
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_767_261_600_000_000 + second * 1_000_000).unwrap()
}

pub(super) fn token() -> PaymentToken {
    PaymentToken::parse("tok_ok").unwrap()
}

fn customer_id() -> CustomerId {
    CustomerId(Uuid::from_u128(8))
}

fn lines() -> Vec<Line> {
    vec![Line {
        sku: Sku::parse("TEA").unwrap(),
        quantity: LineQuantity::parse(1).unwrap(),
        unit_price: total(),
    }]
}

pub(super) fn created() -> OrderCreated {
    OrderCreated {
        order_id: order_id(),
        customer_id: customer_id(),
        lines: lines(),
        total: total(),
        payment_token: token(),
        created_at: at(1),
        deadline_at: at(600),
        channel: Channel::Unknown,
    }
}

pub(super) fn confirmed() -> OrderConfirmed {
    OrderConfirmed {
        order_id: order_id(),
        customer_id: customer_id(),
        lines: lines(),
        total: total(),
        confirmed_at: at(2),
    }
}

pub(super) fn cancelled() -> OrderCancelled {
    OrderCancelled {
        order_id: order_id(),
        customer_id: customer_id(),
        lines: lines(),
        total: total(),
        reason: CancelReason::CustomerRequest,
        cancelled_at: at(3),
    }
}

pub(super) fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

pub(super) fn code(text: &str) -> Code {
    Code::parse(text).unwrap()
}

/// When answers are booked.
pub(super) fn now() -> Timestamp {
    at(9)
}

pub(super) fn authorized() -> Event {
    let gateway_reference = "auth_1".to_owned();
    PaymentAuthorized { order_id: order_id(), amount: total(), gateway_reference, authorized_at: now() }
        .into()
}

pub(super) fn declined() -> Event {
    let (gateway_reference, code) = (None, "card_declined".to_owned());
    PaymentDeclined { order_id: order_id(), amount: total(), gateway_reference, code, declined_at: now() }
        .into()
}

pub(super) fn captured() -> Event {
    let gateway_reference = "capt_1".to_owned();
    PaymentCaptured { order_id: order_id(), amount: total(), gateway_reference, captured_at: now() }.into()
}

pub(super) fn capture_failed() -> Event {
    let (gateway_reference, code) = (None, "capture_refused".to_owned());
    PaymentCaptureFailed { order_id: order_id(), amount: total(), gateway_reference, code, failed_at: now() }
        .into()
}

pub(super) fn voided() -> Event {
    let gateway_reference = Some("void_1".to_owned());
    PaymentVoided { order_id: order_id(), amount: Some(total()), gateway_reference, voided_at: now() }.into()
}

/// Answered at the cancellation, without the gateway.
pub(super) fn voided_uncalled(amount: Option<Money>) -> Event {
    PaymentVoided { order_id: order_id(), amount, gateway_reference: None, voided_at: at(3) }.into()
}

pub(super) fn refunded() -> Event {
    let gateway_reference = "rfnd_1".to_owned();
    PaymentRefunded { order_id: order_id(), amount: total(), gateway_reference, refunded_at: now() }.into()
}

/// Every answer with the event it is published as.
pub(super) fn answers() -> Vec<(Answer, Option<Event>)> {
    vec![
        (Answer::Authorized { reference: reference("auth_1") }, Some(authorized())),
        (Answer::Declined { reference: None, code: code("card_declined") }, Some(declined())),
        (Answer::Captured { reference: reference("capt_1") }, Some(captured())),
        (Answer::CaptureRefused { reference: None, code: code("capture_refused") }, Some(capture_failed())),
        (Answer::Voided { reference: reference("void_1") }, Some(voided())),
        (Answer::VoidRefused, None),
        (Answer::Refunded { reference: reference("rfnd_1") }, Some(refunded())),
    ]
}

/// A payment that has come to the standing after `own` and was asked for `asked`.
pub(super) fn payment(own: impl Into<Option<Event>>, asked: Asked) -> Payment {
    let mut payment = Payment::unknown(order_id());
    evolve(&mut payment, &created().into());
    if let Some(event) = own.into() {
        evolve(&mut payment, &event);
    }
    payment.asked = asked;
    payment
}

pub(super) fn cancelled_unheard() -> Payment {
    let mut payment = Payment::unknown(order_id());
    payment.standing = Standing::Voided { amount: None, reference: None };
    payment.asked = Asked::Undo;
    payment
}

pub(super) fn untried(operation: Operation) -> Open {
    Open { operation, tried: false }
}

pub(super) fn in_flight(operation: Operation) -> Open {
    Open { operation, tried: true }
}

pub(super) fn authorize() -> Call {
    Call::Authorize { amount: total(), payment_token: token() }
}

pub(super) fn capture() -> Call {
    Call::Capture { amount: total() }
}

pub(super) fn void() -> Call {
    Call::Void { amount: total() }
}

pub(super) fn refund() -> Call {
    Call::Refund { amount: total() }
}
