//! What the order asks for, in every state × {no call open, open and never tried, in flight}.

use super::Asked::{Hold, Take, Undo};
use super::Operation::{Authorize, Capture, Refund, Void};
use super::samples::{
    authorize, authorized, cancelled, cancelled_unheard, capture, capture_failed, captured, confirmed,
    created, declined, in_flight, order_id, payment, refund, refunded, total, untried, void, voided,
    voided_uncalled,
};
use super::{Asked, Call, CallChange, Decision, Input, Open, Payment, Reason, Rejected, decide};
use events::Event;

fn ignored(reason: Reason) -> Decision {
    Decision::Ignored(reason)
}

fn remembered() -> Decision {
    Decision::Changed { events: vec![], calls: vec![] }
}

fn calls(call: Call) -> Decision {
    Decision::Changed { events: vec![], calls: vec![CallChange::Open(call)] }
}

fn calls_instead(call: Call) -> Decision {
    Decision::Changed { events: vec![], calls: vec![CallChange::Withdraw, CallChange::Open(call)] }
}

fn answers(event: Event, calls: &[CallChange]) -> Decision {
    Decision::Changed { events: vec![event], calls: calls.to_vec() }
}

#[track_caller]
fn check(given: &Payment, open: impl Into<Option<Open>>, when: Input<'_>, then: &Decision) -> Payment {
    let open = open.into();
    let mut payment = given.clone();
    assert_eq!(&decide(&mut payment, open, when).unwrap(), then, "{given:?} {open:?} {when:?}");
    payment
}

/// Every payment that can be, with the calls that can be open beside it.
fn cells() -> Vec<(Payment, Vec<Option<Open>>)> {
    let open = |operations: &[super::Operation]| {
        let tries =
            operations.iter().flat_map(|&operation| [untried(operation), in_flight(operation)].map(Some));
        std::iter::once(None).chain(tries).collect::<Vec<_>>()
    };
    vec![
        (Payment::unknown(order_id()), open(&[])),
        (payment(None, Hold), open(&[Authorize])),
        (payment(None, Take), open(&[Authorize])),
        (payment(None, Undo), open(&[Authorize])),
        (payment(Some(authorized()), Hold), open(&[])),
        (payment(Some(authorized()), Take), open(&[Capture])),
        (payment(Some(authorized()), Undo), open(&[Capture, Void, Refund])),
        (payment(Some(declined()), Hold), open(&[])),
        (payment(Some(declined()), Undo), open(&[])),
        (payment(Some(captured()), Take), open(&[])),
        (payment(Some(captured()), Undo), open(&[Refund])),
        (payment(Some(capture_failed()), Take), open(&[])),
        (payment(Some(capture_failed()), Undo), open(&[Void, Refund])),
        (payment(Some(voided()), Undo), open(&[])),
        (payment(Some(refunded()), Undo), open(&[])),
        (cancelled_unheard(), open(&[])),
    ]
}

#[test]
fn a_created_order_is_authorized_once() {
    let (created, unknown) = (created(), Payment::unknown(order_id()));
    let when = Input::Created(&created);
    let pending = check(&unknown, None, when, &calls(authorize()));
    assert_eq!(pending, payment(None, Hold));
    for open in [untried(Authorize), in_flight(Authorize)] {
        check(&pending, open, when, &ignored(Reason::BeingAuthorized));
    }
    for own in [authorized(), declined(), captured(), capture_failed(), voided(), refunded()] {
        check(&payment(Some(own), Take), None, when, &ignored(Reason::AuthorizationAnswered));
    }
    check(&cancelled_unheard(), None, when, &ignored(Reason::CancelledBeforeCreated));
}

#[test]
fn a_confirmed_order_is_captured_once() {
    let confirmed = confirmed();
    let when = Input::Confirmed(&confirmed);
    let taking = check(&payment(Some(authorized()), Hold), None, when, &calls(capture()));
    assert_eq!(taking, payment(Some(authorized()), Take));
    for open in [untried(Capture), in_flight(Capture)] {
        check(&taking, open, when, &ignored(Reason::BeingCaptured));
    }
    for own in [captured(), capture_failed()] {
        check(&payment(Some(own), Take), None, when, &ignored(Reason::CaptureAnswered));
    }
}

#[test]
fn a_confirmation_ahead_of_the_authorization_is_remembered() {
    let confirmed = confirmed();
    for open in [None, Some(untried(Authorize)), Some(in_flight(Authorize))] {
        let asked = check(&payment(None, Hold), open, Input::Confirmed(&confirmed), &remembered());
        assert_eq!(asked.asked, Take);
    }
}

#[test]
fn a_confirmation_of_what_is_over_is_ignored() {
    let confirmed = confirmed();
    let when = Input::Confirmed(&confirmed);
    check(&payment(Some(declined()), Hold), None, when, &ignored(Reason::WasDeclined));
    check(&payment(Some(voided()), Undo), None, when, &ignored(Reason::AlreadyUndone));
    check(&payment(Some(refunded()), Undo), None, when, &ignored(Reason::AlreadyUndone));
    check(&cancelled_unheard(), None, when, &ignored(Reason::AlreadyUndone));
    for (own, open) in [
        (None, in_flight(Authorize)),
        (Some(authorized()), in_flight(Capture)),
        (Some(authorized()), untried(Void)),
        (Some(captured()), untried(Refund)),
        (Some(capture_failed()), in_flight(Void)),
    ] {
        check(&payment(own, Undo), open, when, &ignored(Reason::OrderCancelled));
    }
}

#[test]
fn a_confirmation_of_an_order_that_was_never_created_breaks_a_rule() {
    let mut unknown = Payment::unknown(order_id());
    assert_eq!(decide(&mut unknown, None, Input::Confirmed(&confirmed())), Err(Rejected::NeverCreated));
}

#[test]
fn a_cancelled_order_that_was_not_heard_of_is_answered_at_once() {
    let (cancelled, unknown) = (cancelled(), Payment::unknown(order_id()));
    let after = check(&unknown, None, Input::Cancelled(&cancelled), &answers(voided_uncalled(None), &[]));
    assert_eq!(after, cancelled_unheard());
}

#[test]
fn an_authorization_that_was_never_tried_is_taken_back_and_answered_at_once() {
    let cancelled = cancelled();
    for asked in [Hold, Take] {
        let then = answers(voided_uncalled(Some(total())), &[CallChange::Withdraw]);
        check(&payment(None, asked), untried(Authorize), Input::Cancelled(&cancelled), &then);
    }
}

#[test]
fn a_cancellation_waits_for_what_is_in_flight() {
    let cancelled = cancelled();
    let when = Input::Cancelled(&cancelled);
    for (own, asked, open) in [
        (None, Hold, in_flight(Authorize)),
        (None, Take, in_flight(Authorize)),
        (Some(authorized()), Take, in_flight(Capture)),
    ] {
        let waiting = check(&payment(own, asked), open, when, &remembered());
        assert_eq!(waiting.asked, Undo);
        check(&waiting, open, when, &ignored(Reason::BeingUndone));
    }
}

#[test]
fn what_is_held_is_voided() {
    let cancelled = cancelled();
    let when = Input::Cancelled(&cancelled);
    check(&payment(Some(authorized()), Hold), None, when, &calls(void()));
    check(&payment(Some(authorized()), Take), untried(Capture), when, &calls_instead(void()));
    check(&payment(Some(capture_failed()), Take), None, when, &calls(void()));
}

#[test]
fn what_is_taken_is_refunded() {
    let cancelled = cancelled();
    check(&payment(Some(captured()), Take), None, Input::Cancelled(&cancelled), &calls(refund()));
}

#[test]
fn a_cancellation_of_what_is_declined_or_undone_is_ignored() {
    let cancelled = cancelled();
    let when = Input::Cancelled(&cancelled);
    for asked in [Hold, Undo] {
        check(&payment(Some(declined()), asked), None, when, &ignored(Reason::WasDeclined));
    }
    check(&payment(Some(voided()), Undo), None, when, &ignored(Reason::AlreadyUndone));
    check(&payment(Some(refunded()), Undo), None, when, &ignored(Reason::AlreadyUndone));
    check(&cancelled_unheard(), None, when, &ignored(Reason::AlreadyUndone));
    for (own, operation) in
        [(authorized(), Void), (authorized(), Refund), (capture_failed(), Void), (captured(), Refund)]
    {
        for open in [untried(operation), in_flight(operation)] {
            check(&payment(Some(own.clone()), Undo), open, when, &ignored(Reason::BeingUndone));
        }
    }
}

#[test]
fn a_rebuilt_database_decides_again_what_never_reached_the_log() {
    let (created, confirmed, cancelled) = (created(), confirmed(), cancelled());
    check(&payment(None, Hold), None, Input::Created(&created), &calls(authorize()));
    check(&payment(Some(authorized()), Take), None, Input::Confirmed(&confirmed), &calls(capture()));
    check(&payment(Some(authorized()), Undo), None, Input::Cancelled(&cancelled), &calls(void()));
    check(&payment(Some(captured()), Undo), None, Input::Cancelled(&cancelled), &calls(refund()));
    // Never tried *here*; the former database may have tried.
    check(&payment(None, Undo), None, Input::Created(&created), &calls(authorize()));
    check(
        &payment(None, Undo),
        untried(Authorize),
        Input::Cancelled(&cancelled),
        &ignored(Reason::BeingUndone),
    );
}

#[test]
fn in_every_cell_an_event_decided_upon_twice_changes_nothing_the_second_time() {
    let (created, confirmed, cancelled) = (created(), confirmed(), cancelled());
    for (given, opens) in cells() {
        for open in opens {
            for when in [Input::Created(&created), Input::Confirmed(&confirmed), Input::Cancelled(&cancelled)]
            {
                let mut payment = given.clone();
                let Ok(first) = decide(&mut payment, open, when) else { continue };
                let (settled, open) = (payment.clone(), open_after(open, &first));
                let second = decide(&mut payment, open, when).unwrap();
                let nothing = second == remembered() || matches!(second, Decision::Ignored(_));
                assert!(nothing, "{given:?} {open:?} {when:?}: {second:?}");
                assert_eq!(payment, settled);
            }
        }
    }
}

#[test]
fn in_every_cell_final_states_are_kept_and_calls_in_flight_are_left_alone() {
    let (created, confirmed, cancelled) = (created(), confirmed(), cancelled());
    for (given, opens) in cells() {
        let last = [declined(), voided(), refunded()].map(|own| payment(Some(own), Asked::Hold).standing);
        for open in opens {
            for when in [Input::Created(&created), Input::Confirmed(&confirmed), Input::Cancelled(&cancelled)]
            {
                let mut payment = given.clone();
                let Ok(decision) = decide(&mut payment, open, when) else { continue };
                if last.contains(&given.standing) || given == cancelled_unheard() {
                    assert_eq!(payment.standing, given.standing);
                    assert!(matches!(decision, Decision::Ignored(_)), "{given:?} {when:?}");
                }
                if open.is_some_and(|open| open.tried) {
                    let quiet = decision == remembered() || matches!(decision, Decision::Ignored(_));
                    assert!(quiet, "{given:?} {open:?} {when:?}: {decision:?}");
                }
            }
        }
    }
}

fn open_after(open: Option<Open>, decision: &Decision) -> Option<Open> {
    let Decision::Changed { calls, .. } = decision else { return open };
    calls.iter().fold(open, |_, change| match change {
        CallChange::Open(call) => Some(untried(call.operation())),
        CallChange::Withdraw => None,
    })
}
