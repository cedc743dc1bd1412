//! Every cell of the saga's table, and every race it names.

use std::time::Duration;

use events::CancelReason;
use kernel::event::Event as _;
use kernel::sequence::Arrival;

use super::fixtures::*;
use super::{Fact, Fate, Payment, Progress, Stock, Trigger};

const WINDOW: Trigger = Trigger::Customer { window: Duration::from_hours(24) };

fn confirmed() -> Fate {
    Fate::Confirmed { at: at(10) }
}

/// What `trigger` does to an order that stands there.
fn check(fate: Fate, stock: Stock, payment: Payment, trigger: Trigger, expected: Result<&str, &str>) {
    let outcome = act(&mut order(fate, stock, payment), trigger, at(20)).map(|event| short_name(&event));
    let expected = expected.map(str::to_owned);
    assert_eq!(outcome, expected, "{fate:?} {stock:?} {payment:?} {trigger:?}");
}

#[test]
fn a_pending_order_decides_by_what_its_participants_answered_in_every_state() {
    for stock in STOCKS {
        for payment in PAYMENTS {
            let expected = match (stock, payment) {
                (Stock::Reserved, Payment::Authorized) => Ok("OrderConfirmed"),
                (Stock::Rejected, _) => Ok("OrderCancelled OutOfStock"),
                (_, Payment::Declined) => Ok("OrderCancelled PaymentDeclined"),
                _ => Err("waits_for_other_reply"),
            };
            check(Fate::Pending, stock, payment, Trigger::Reply, expected);
        }
    }
}

#[test]
fn a_confirmed_order_is_undone_by_a_failed_capture_and_by_no_other_reply() {
    for stock in STOCKS {
        for payment in PAYMENTS {
            let expected = match payment {
                Payment::CaptureFailed => Ok("OrderCancelled CaptureFailed"),
                _ => Err("already_confirmed"),
            };
            check(confirmed(), stock, payment, Trigger::Reply, expected);
        }
    }
}

#[test]
fn a_cancelled_order_decides_nothing_any_more_in_any_state() {
    let reasons = [
        CancelReason::OutOfStock,
        CancelReason::PaymentDeclined,
        CancelReason::CaptureFailed,
        CancelReason::TimedOut,
        CancelReason::CustomerRequest,
    ];
    for (reason, stock) in reasons.into_iter().flat_map(|reason| STOCKS.map(|stock| (reason, stock))) {
        for (payment, trigger) in PAYMENTS
            .into_iter()
            .flat_map(|payment| [Trigger::Reply, Trigger::Deadline, WINDOW].map(|t| (payment, t)))
        {
            check(cancelled(reason), stock, payment, trigger, Err("already_cancelled"));
        }
    }
}

#[test]
fn only_an_overdue_pending_order_times_out_whatever_was_answered() {
    for (stock, payment) in STOCKS.into_iter().flat_map(|stock| PAYMENTS.map(|payment| (stock, payment))) {
        let mut early = order(Fate::Pending, stock, payment);
        assert_eq!(act(&mut early, Trigger::Deadline, at(DEADLINE_S - 1)), Err("not_due"));
        let due = act(&mut early, Trigger::Deadline, at(DEADLINE_S)).map(|event| short_name(&event));
        assert_eq!(due, Ok("OrderCancelled TimedOut".to_owned()));
        check(confirmed(), stock, payment, Trigger::Deadline, Err("decided_in_time"));
    }
}

#[test]
fn a_customer_may_cancel_a_pending_order_at_any_time() {
    for (stock, payment) in STOCKS.into_iter().flat_map(|stock| PAYMENTS.map(|payment| (stock, payment))) {
        check(Fate::Pending, stock, payment, WINDOW, Ok("OrderCancelled CustomerRequest"));
    }
}

#[test]
fn a_customer_may_cancel_a_confirmed_order_to_the_end_of_the_window_and_not_after() {
    let window = Trigger::Customer { window: Duration::from_secs(100) };
    let cancel = |now| act(&mut order(confirmed(), Stock::Committed, Payment::Captured), window, at(now));
    assert_eq!(cancel(110).map(|event| short_name(&event)), Ok("OrderCancelled CustomerRequest".to_owned()));
    assert_eq!(cancel(111), Err("past the window"));
}

#[test]
fn each_pair_of_first_replies_comes_to_the_same_end_of_money_and_stock_in_both_orders() {
    use Payment::{Authorized, Declined};
    use Stock::{Rejected, Reserved};
    let table = [
        (Reserved, Authorized, "OrderConfirmed", "OrderConfirmed"),
        (Reserved, Declined, "OrderCancelled PaymentDeclined", "OrderCancelled PaymentDeclined"),
        (Rejected, Authorized, "OrderCancelled OutOfStock", "OrderCancelled OutOfStock"),
        // Both said no: whoever came first is the reason.
        (Rejected, Declined, "OrderCancelled OutOfStock", "OrderCancelled PaymentDeclined"),
    ];
    for (stock, payment, stock_first, payment_first) in table {
        let replies = [stock_reply(stock, at(1)), payment_reply(payment, at(2))];
        for (order_of_replies, expected) in [([0, 1], stock_first), ([1, 0], payment_first)] {
            let mut tracked = placed();
            let decided: Vec<String> = order_of_replies
                .iter()
                .filter_map(|&reply| hear(&mut tracked, 1, &replies[reply]).1.ok())
                .map(|event| short_name(&event))
                .collect();
            assert_eq!(decided, [expected], "{stock:?} {payment:?} {order_of_replies:?}");
            assert_eq!(tracked.order.progress, Progress { stock, payment });
        }
    }
}

#[test]
fn a_reply_that_comes_again_changes_nothing_with_and_without_its_number() {
    for repeated in [1, 0] {
        for reply in [stock_reply(Stock::Reserved, at(1)), payment_reply(Payment::Declined, at(1))] {
            let mut tracked = placed();
            hear(&mut tracked, 1, &reply);
            let before = tracked.order.clone();
            let Heard(folded, decided) = hear(&mut tracked, repeated, &reply);
            assert!(!folded.moved && decided.is_err(), "{reply:?}");
            assert_eq!(
                (tracked.order, tracked.unsaved.len()),
                (before.clone(), usize::try_from(before.changes).unwrap())
            );
        }
    }
}

#[test]
fn an_older_reply_does_not_take_progress_back() {
    let mut tracked = placed();
    hear(&mut tracked, 2, &stock_reply(Stock::Committed, at(2)));
    let Heard(folded, _) = hear(&mut tracked, 1, &stock_reply(Stock::Reserved, at(1)));
    assert_eq!((folded.arrival, tracked.order.progress.stock), (Arrival::Repeat, Stock::Committed));
    hear(&mut tracked, 0, &stock_reply(Stock::Reserved, at(1)));
    assert_eq!(tracked.order.progress.stock, Stock::Committed);
}

#[test]
fn a_gap_is_reported_and_what_came_is_taken() {
    let mut tracked = placed();
    let Heard(folded, _) = hear(&mut tracked, 3, &payment_reply(Payment::Authorized, at(1)));
    assert_eq!((folded.arrival, folded.moved), (Arrival::Gap, true));
}

#[test]
fn a_reply_after_the_order_was_cancelled_or_timed_out_only_moves_progress() {
    for trigger in [WINDOW, Trigger::Deadline] {
        let mut tracked = placed();
        act(&mut tracked, trigger, at(DEADLINE_S)).unwrap();
        let fate = tracked.order.fate;
        for (number, stock) in [(1, Stock::Reserved), (2, Stock::Released)] {
            let Heard(folded, decided) = hear(&mut tracked, number, &stock_reply(stock, at(1)));
            assert!(folded.moved && decided.is_err());
        }
        for (number, payment) in [(1, Payment::Authorized), (2, Payment::Voided)] {
            hear(&mut tracked, number, &payment_reply(payment, at(1)));
        }
        assert_eq!(tracked.order.fate, fate);
        assert!(tracked.order.is_settled());
    }
}

#[test]
fn of_a_confirmation_and_a_cancellation_that_race_the_first_one_counts_and_both_ends_settle() {
    let replies = [stock_reply(Stock::Reserved, at(1)), payment_reply(Payment::Authorized, at(2))];
    let mut cancelled_first = placed();
    act(&mut cancelled_first, WINDOW, at(3)).unwrap();
    for reply in &replies {
        assert!(hear(&mut cancelled_first, 1, reply).1.is_err());
    }
    assert!(matches!(cancelled_first.order.fate, Fate::Cancelled { confirmed_at: None, .. }));

    let mut confirmed_first = placed();
    for reply in &replies {
        hear(&mut confirmed_first, 1, reply);
    }
    act(&mut confirmed_first, WINDOW, at(12)).unwrap();
    assert!(matches!(confirmed_first.order.fate, Fate::Cancelled { confirmed_at: Some(_), .. }));
}

#[test]
fn cancelling_a_settled_confirmed_order_reopens_it_until_it_is_undone() {
    let mut tracked = order(confirmed(), Stock::Committed, Payment::Captured);
    assert!(tracked.order.is_settled());
    act(&mut tracked, WINDOW, at(20)).unwrap();
    assert!(!tracked.order.is_settled());
    hear(&mut tracked, 3, &stock_reply(Stock::Released, at(21)));
    assert!(!tracked.order.is_settled());
    hear(&mut tracked, 3, &payment_reply(Payment::Refunded, at(21)));
    assert!(tracked.order.is_settled());
}

#[test]
fn a_failed_capture_is_not_the_end_of_the_money() {
    let mut tracked = order(confirmed(), Stock::Committed, Payment::Authorized);
    let Heard(_, decided) = hear(&mut tracked, 2, &payment_reply(Payment::CaptureFailed, at(11)));
    assert_eq!(decided.map(|event| short_name(&event)), Ok("OrderCancelled CaptureFailed".to_owned()));
    hear(&mut tracked, 3, &stock_reply(Stock::Released, at(12)));
    assert!(!tracked.order.is_settled());
    hear(&mut tracked, 3, &payment_reply(Payment::Voided, at(12)));
    assert!(tracked.order.is_settled());
}

#[test]
fn a_capture_that_fails_after_the_customer_cancelled_is_voided_without_another_decision() {
    let mut tracked = order(confirmed(), Stock::Committed, Payment::Authorized);
    act(&mut tracked, WINDOW, at(11)).unwrap();
    for (number, payment) in [(2, Payment::CaptureFailed), (3, Payment::Voided)] {
        assert_eq!(hear(&mut tracked, number, &payment_reply(payment, at(12))).1, Err("already_cancelled"));
    }
    assert_eq!(tracked.order.progress.payment, Payment::Voided);
}

#[test]
fn progress_only_goes_forward_and_never_leaves_a_final_state() {
    use Payment::{Authorized, CaptureFailed, Captured, Declined, Refunded, Voided};
    use Stock::{Committed, Rejected, Released, Reserved};
    let stock_steps = |from| match from {
        Stock::Pending => vec![Reserved, Rejected, Committed, Released],
        Reserved => vec![Committed, Released],
        Committed => vec![Released],
        Rejected | Released => vec![],
    };
    let payment_steps = |from| match from {
        Payment::Pending => vec![Authorized, Declined, Captured, CaptureFailed, Voided, Refunded],
        Authorized => vec![Captured, CaptureFailed, Voided, Refunded],
        Captured => vec![Refunded],
        CaptureFailed => vec![Voided],
        Declined | Voided | Refunded => vec![],
    };
    for from in STOCKS {
        for to in STOCKS.into_iter().filter(|to| *to != Stock::Pending) {
            let mut tracked = order(cancelled(CancelReason::TimedOut), from, Payment::Pending);
            let Heard(folded, _) = hear(&mut tracked, 1, &stock_reply(to, at(1)));
            assert_eq!(folded.moved, stock_steps(from).contains(&to), "{from:?} → {to:?}");
            assert_eq!(tracked.order.progress.stock, if folded.moved { to } else { from });
        }
    }
    for from in PAYMENTS {
        for to in PAYMENTS.into_iter().filter(|to| *to != Payment::Pending) {
            let mut tracked = order(cancelled(CancelReason::TimedOut), Stock::Pending, from);
            let Heard(folded, _) = hear(&mut tracked, 1, &payment_reply(to, at(1)));
            assert_eq!(folded.moved, payment_steps(from).contains(&to), "{from:?} → {to:?}");
            assert_eq!(tracked.order.progress.payment, if folded.moved { to } else { from });
        }
    }
}

#[test]
fn an_order_is_settled_in_these_states_and_no_others() {
    for (stock, payment) in STOCKS.into_iter().flat_map(|stock| PAYMENTS.map(|payment| (stock, payment))) {
        let settled = |fate| order(fate, stock, payment).order.is_settled();
        assert!(!settled(Fate::Pending));
        assert_eq!(settled(confirmed()), (stock, payment) == (Stock::Committed, Payment::Captured));
        let undone = matches!(stock, Stock::Rejected | Stock::Released)
            && matches!(payment, Payment::Declined | Payment::Voided | Payment::Refunded);
        assert_eq!(settled(cancelled(CancelReason::TimedOut)), undone, "{stock:?} {payment:?}");
    }
}

#[test]
fn a_decision_that_was_lost_is_made_again_when_a_reply_is_read_again() {
    // Folded from the log: both replies are in it, the confirmation never was.
    let mut rebuilt = placed();
    for reply in [stock_reply(Stock::Reserved, at(1)), payment_reply(Payment::Authorized, at(2))] {
        rebuilt.evolve(super::Fact { id: event_id(1), sequence: 1, event: &reply });
    }
    let Heard(folded, decided) = hear(&mut rebuilt, 1, &stock_reply(Stock::Reserved, at(1)));
    assert_eq!(folded.arrival, Arrival::Repeat);
    assert_eq!(decided.map(|event| short_name(&event)), Ok("OrderConfirmed".to_owned()));
}

#[test]
fn an_order_was_updated_at_the_latest_time_on_an_event_that_moved_it() {
    let mut tracked = placed();
    for (event, updated_at) in [
        (stock_reply(Stock::Reserved, at(5)), at(5)),
        (payment_reply(Payment::Authorized, at(3)), at(5)),
        (payment_reply(Payment::Captured, at(8)), at(8)),
    ] {
        let sequence = if event.topic() == "inventory" { 1 } else { tracked.order.seen_payments.0 + 1 };
        tracked.evolve(Fact { id: event_id(9), sequence, event: &event });
        assert_eq!(tracked.order.updated_at, updated_at, "{event:?}");
    }
}

#[test]
fn a_change_is_settled_when_its_order_is() {
    let mut settled = 0;
    for (stock, payment) in STOCKS.into_iter().flat_map(|stock| PAYMENTS.map(|payment| (stock, payment))) {
        for fate in [Fate::Pending, Fate::Confirmed { at: at(1) }, cancelled(CancelReason::TimedOut)] {
            let order = order(fate, stock, payment).order;
            assert_eq!(order.snapshot().is_settled(), order.is_settled(), "{order:?}");
            settled += usize::from(order.is_settled());
        }
    }
    assert!((1..PAYMENTS.len() * STOCKS.len()).contains(&settled), "{settled}");
}
