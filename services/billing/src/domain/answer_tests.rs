//! What the gateway answered, in every state.

use super::Asked::{Hold, Take, Undo};
use super::samples::{
    answers, authorized, cancelled_unheard, capture, capture_failed, captured, declined, now, order_id,
    payment, refund, refunded, void, voided,
};
use super::{Answer, Call, CallChange, Decision, Operation, Payment, Reason, Standing, book};
use events::Event;

#[track_caller]
fn check(given: &Payment, answer: &Answer, event: Option<&Event>, call: Option<Call>) -> Payment {
    let mut payment = given.clone();
    let events = event.cloned().into_iter().collect();
    let calls = call.map(CallChange::Open).into_iter().collect();
    assert_eq!(
        book(&mut payment, answer, now()),
        Decision::Changed { events, calls },
        "{given:?} {answer:?}"
    );
    payment
}

/// The answers to one operation, with their events.
fn answers_to(operation: Operation) -> impl Iterator<Item = (Answer, Option<Event>)> {
    answers().into_iter().filter(move |(answer, _)| answer.operation() == operation)
}

#[test]
fn every_answer_is_published_as_its_own_event_and_nothing_follows_when_nothing_was_asked_meanwhile() {
    for (given, operation) in [
        (payment(None, Hold), Operation::Authorize),
        (payment(Some(authorized()), Take), Operation::Capture),
        (payment(Some(captured()), Undo), Operation::Refund),
    ] {
        for (answer, event) in answers_to(operation) {
            let after = check(&given, &answer, event.as_ref(), None);
            assert_ne!(after.standing, given.standing);
            assert_eq!(after.asked, given.asked);
        }
    }
    for own in [authorized(), capture_failed()] {
        let (answer, event) = answers_to(Operation::Void).next().unwrap();
        check(&payment(Some(own), Undo), &answer, event.as_ref(), None);
    }
}

#[test]
fn an_authorization_that_comes_after_the_cancellation_is_published_and_then_voided() {
    let given = payment(None, Undo);
    for (answer, event) in answers_to(Operation::Authorize) {
        let approved = matches!(answer, Answer::Authorized { .. });
        check(&given, &answer, event.as_ref(), approved.then(void));
    }
}

#[test]
fn a_capture_that_comes_after_the_cancellation_is_published_and_then_refunded() {
    let given = payment(Some(authorized()), Undo);
    let (answer, event) = answers_to(Operation::Capture).next().unwrap();
    check(&given, &answer, event.as_ref(), Some(refund()));
}

#[test]
fn a_capture_that_fails_after_the_cancellation_is_published_and_then_voided() {
    let given = payment(Some(authorized()), Undo);
    let (answer, event) = answers_to(Operation::Capture).nth(1).unwrap();
    check(&given, &answer, event.as_ref(), Some(void()));
}

#[test]
fn a_failed_capture_waits_for_the_order_to_be_cancelled() {
    let (answer, event) = answers_to(Operation::Capture).nth(1).unwrap();
    check(&payment(Some(authorized()), Take), &answer, event.as_ref(), None);
}

#[test]
fn an_authorization_that_comes_after_the_confirmation_is_captured() {
    let (answer, event) = answers_to(Operation::Authorize).next().unwrap();
    check(&payment(None, Take), &answer, event.as_ref(), Some(capture()));
}

#[test]
fn a_refused_void_becomes_a_refund() {
    for own in [authorized(), capture_failed()] {
        let given = payment(Some(own), Undo);
        let after = check(&given, &Answer::VoidRefused, None, Some(refund()));
        let (answer, event) = answers_to(Operation::Refund).next().unwrap();
        let after = check(&after, &answer, event.as_ref(), None);
        assert!(matches!(after.standing, Standing::Refunded { .. }));
    }
}

#[test]
fn an_answer_nobody_waits_for_is_ignored() {
    let all = [
        (Payment::unknown(order_id()), vec![]),
        (payment(None, Hold), vec![Operation::Authorize]),
        (payment(Some(authorized()), Take), vec![Operation::Capture]),
        (payment(Some(authorized()), Undo), vec![Operation::Capture, Operation::Void, Operation::Refund]),
        (payment(Some(declined()), Hold), vec![]),
        (payment(Some(captured()), Take), vec![]),
        (payment(Some(captured()), Undo), vec![Operation::Refund]),
        (payment(Some(capture_failed()), Take), vec![]),
        (payment(Some(capture_failed()), Undo), vec![Operation::Void, Operation::Refund]),
        (payment(Some(voided()), Undo), vec![]),
        (payment(Some(refunded()), Undo), vec![]),
        (cancelled_unheard(), vec![]),
    ];
    for (given, awaited) in all {
        for (answer, _) in answers() {
            let mut payment = given.clone();
            let ignored = book(&mut payment, &answer, now()) == Decision::Ignored(Reason::NotAskedFor);
            assert_eq!(ignored, !awaited.contains(&answer.operation()), "{given:?} {answer:?}");
            assert!(!ignored || payment == given);
        }
    }
}

#[test]
fn an_answer_that_was_booked_is_ignored_the_second_time() {
    for (answer, event) in answers().into_iter().filter(|(_, event)| event.is_some()) {
        let given = match answer.operation() {
            Operation::Authorize => payment(None, Hold),
            Operation::Capture => payment(Some(authorized()), Take),
            Operation::Void => payment(Some(authorized()), Undo),
            Operation::Refund => payment(Some(captured()), Undo),
        };
        let mut after = check(&given, &answer, event.as_ref(), None);
        assert_eq!(book(&mut after, &answer, now()), Decision::Ignored(Reason::NotAskedFor));
    }
}
