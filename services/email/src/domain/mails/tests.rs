//! Every state of an order's mails × every input.

use events::{CancelReason, Channel, Line, OrderCancelled, OrderConfirmed, OrderCreated, PaymentToken};
use kernel::{Currency, LineQuantity, Money, Sku};
use uuid::Uuid;

use super::*;

const ORDER: OrderId = OrderId(Uuid::from_u128(7));
const WHO: CustomerId = CustomerId(Uuid::from_u128(1));

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

fn total() -> Money {
    Money::new(1999, Currency::parse("EUR").unwrap()).unwrap()
}

fn lines() -> Vec<Line> {
    let (sku, quantity) = (Sku::parse("LAMP-1").unwrap(), LineQuantity::parse(1).unwrap());
    vec![Line { sku, quantity, unit_price: total() }]
}

fn created() -> (Event, i64) {
    let (payment_token, created_at) = (PaymentToken::parse("tok_ok").unwrap(), at(1));
    let (lines, total) = (lines(), total());
    let event = OrderCreated {
        order_id: ORDER,
        customer_id: WHO,
        lines,
        total,
        payment_token,
        created_at,
        deadline_at: at(2),
        channel: Channel::Unknown,
    };
    (Event::OrderCreated(event), 1)
}

fn confirmed() -> (Event, i64) {
    let (lines, total) = (lines(), total());
    (
        Event::OrderConfirmed(OrderConfirmed {
            order_id: ORDER,
            customer_id: WHO,
            lines,
            total,
            confirmed_at: at(2),
        }),
        2,
    )
}

fn cancelled(sequence: i64) -> (Event, i64) {
    let (lines, total, reason) = (lines(), total(), CancelReason::CustomerRequest);
    let event =
        OrderCancelled { order_id: ORDER, customer_id: WHO, lines, total, reason, cancelled_at: at(3) };
    (Event::OrderCancelled(event), sequence)
}

fn sent(kind: Kind, sequence: i64) -> (Event, i64) {
    let (message_id, kind) = (format!("{}@example", kind.name()), kind.into());
    let event = EmailSent { order_id: ORDER, customer_id: WHO, kind, message_id, sent_at: at(4) };
    (Event::EmailSent(event), sequence)
}

fn failed(kind: Kind, sequence: i64) -> (Event, i64) {
    let (code, kind) = (EmailFailure::CustomerErased, kind.into());
    (
        Event::EmailFailed(EmailFailed { order_id: ORDER, customer_id: WHO, kind, code, failed_at: at(5) }),
        sequence,
    )
}

fn after(events: &[(Event, i64)]) -> OrderMails {
    let mut mails = OrderMails::none(ORDER);
    for (event, sequence) in events {
        mails.evolve(event, *sequence);
    }
    mails
}

/// A decision in one word and a kind.
fn told(decision: &Decision) -> String {
    match decision {
        Decision::Opened(letter) => format!("opens {}", letter.kind().name()),
        Decision::Ended(event) => {
            format!("publishes {}", kernel::Event::name(event).rsplit('.').next().unwrap_or_default())
        }
        Decision::Ignored(reason) => reason.name().to_owned(),
    }
}

/// Every state an order's mails can be in.
fn states() -> Vec<(&'static str, Vec<(Event, i64)>)> {
    use Kind::{Cancellation, Receipt};
    vec![
        ("nothing", vec![]),
        ("receipt pending", vec![confirmed()]),
        ("receipt sent", vec![confirmed(), sent(Receipt, 1)]),
        ("receipt failed", vec![confirmed(), failed(Receipt, 1)]),
        ("notice pending", vec![cancelled(2)]),
        ("notice sent", vec![cancelled(2), sent(Cancellation, 1)]),
        ("notice failed", vec![cancelled(2), failed(Cancellation, 1)]),
        ("both pending", vec![confirmed(), cancelled(3)]),
        ("receipt sent, notice pending", vec![confirmed(), cancelled(3), sent(Receipt, 1)]),
        ("both sent", vec![confirmed(), cancelled(3), sent(Receipt, 1), sent(Cancellation, 2)]),
    ]
}

#[test]
fn every_state_answers_every_event_of_the_order() {
    let table = [
        // state, OrderCreated, OrderConfirmed, OrderCancelled after it, OrderCancelled of one never confirmed
        ("nothing", "repeated", "opens receipt", "opens cancellation", "opens cancellation"),
        ("receipt pending", "repeated", "repeated", "opens cancellation", "repeated"),
        ("receipt sent", "repeated", "repeated", "opens cancellation", "repeated"),
        ("receipt failed", "repeated", "repeated", "opens cancellation", "repeated"),
        ("notice pending", "repeated", "repeated", "mail_already_asked_for", "repeated"),
        ("notice sent", "repeated", "repeated", "mail_already_asked_for", "repeated"),
        ("notice failed", "repeated", "repeated", "mail_already_asked_for", "repeated"),
        ("both pending", "repeated", "repeated", "repeated", "repeated"),
        ("receipt sent, notice pending", "repeated", "repeated", "repeated", "repeated"),
        ("both sent", "repeated", "repeated", "repeated", "repeated"),
    ];
    for ((name, history), (expected_name, on_created, on_confirmed, on_cancelled, on_cancelled_first)) in
        states().into_iter().zip(table)
    {
        assert_eq!(name, expected_name);
        let inputs = [
            (created(), on_created),
            (confirmed(), on_confirmed),
            (cancelled(3), on_cancelled),
            (cancelled(2), on_cancelled_first),
        ];
        for ((event, sequence), expected) in inputs {
            assert_eq!(
                told(&after(&history).decide(&event, sequence)),
                expected,
                "{name} × {event:?} {sequence}"
            );
        }
    }
}

#[test]
fn without_numbers_the_state_alone_refuses_a_second_mail() {
    for (name, history) in states() {
        let mails = after(&history);
        let refused = |kind| if mails.mail(kind).is_some() { "mail_already_asked_for" } else { "" };
        for ((event, _), kind) in [(confirmed(), Kind::Receipt), (cancelled(0), Kind::Cancellation)] {
            let expected = match refused(kind) {
                "" => format!("opens {}", kind.name()),
                reason => reason.to_owned(),
            };
            assert_eq!(told(&mails.decide(&event, 0)), expected, "{name}");
        }
        assert_eq!(told(&mails.decide(&created().0, 0)), "nothing_to_tell", "{name}");
    }
}

#[test]
fn every_state_answers_every_result() {
    for (name, history) in states() {
        let mails = after(&history);
        for kind in [Kind::Receipt, Kind::Cancellation] {
            let outcomes = [
                (Outcome::Sent { message_id: "x@example".to_owned() }, "publishes EmailSent"),
                (Outcome::Failed(EmailFailure::AddressRefused), "publishes EmailFailed"),
            ];
            for (outcome, published) in outcomes {
                let expected = match mails.mail(kind) {
                    None => "no_such_mail",
                    Some(Mail::Pending) => published,
                    Some(Mail::Sent { .. } | Mail::Failed { .. }) => "mail_already_ended",
                };
                assert_eq!(told(&mails.conclude(kind, WHO, outcome, at(9))), expected, "{name} × {kind:?}");
            }
        }
    }
}

#[test]
fn each_event_twice_is_as_good_as_once() {
    for (name, history) in states() {
        let twice: Vec<_> = history.iter().flat_map(|event| [event.clone(), event.clone()]).collect();
        assert_eq!(after(&twice), after(&history), "{name}");
    }
}

#[test]
fn an_end_is_never_left() {
    let mails = after(&[confirmed(), sent(Kind::Receipt, 1), failed(Kind::Receipt, 2)]);
    assert!(matches!(mails.receipt, Some(Mail::Sent { .. })));
    let mails = after(&[confirmed(), failed(Kind::Receipt, 1), sent(Kind::Receipt, 2)]);
    assert!(matches!(mails.receipt, Some(Mail::Failed { .. })));
}

#[test]
fn a_fold_of_our_own_events_then_meets_the_orders_again_and_opens_only_what_never_ended() {
    let mut mails = after(&[sent(Kind::Receipt, 1)]);
    let (event, sequence) = confirmed();
    assert_eq!(mails.decide(&event, sequence), Decision::Ignored(Reason::AlreadyOpen));
    mails.evolve(&event, sequence);
    let (event, sequence) = cancelled(3);
    assert!(matches!(mails.decide(&event, sequence), Decision::Opened(_)));
    assert_eq!(mails.published, Sequence(1));
}

#[test]
fn a_gap_is_handled_and_can_be_told() {
    let mails = after(&[]);
    assert_eq!(mails.arrival(2), Arrival::Next, "OrderCreated is not waited for");
    assert_eq!(mails.arrival(3), Arrival::Gap);
    assert!(matches!(mails.decide(&cancelled(3).0, 3), Decision::Opened(_)));
}
