//! Every state of an order's stock meets every event.

use std::collections::BTreeSet;

use events::{ReleasedFrom, Shortage, StockLine};

use super::*;

const WANTED: &[(&str, i64)] = &[("TEA", 2), ("CUP", 1)];

/// Tea 5, cups 1, and order 1 in the state that `history` leads to.
fn after(history: &[Event]) -> Warehouse {
    let mut warehouse = stocked(&[("TEA", 5), ("CUP", 1)]);
    for event in history {
        warehouse.handle(event).unwrap();
    }
    warehouse
}

fn pending() -> Warehouse {
    after(&[])
}

fn reserved() -> Warehouse {
    after(&[created(order(1), WANTED)])
}

fn committed() -> Warehouse {
    after(&[created(order(1), WANTED), confirmed(order(1), WANTED)])
}

fn rejected() -> Warehouse {
    after(&[created(order(1), &[("CUP", 2)])])
}

fn released() -> Warehouse {
    after(&[created(order(1), WANTED), cancelled(order(1), WANTED)])
}

fn stock_lines(wanted: &[(&str, i64)]) -> Vec<StockLine> {
    lines(wanted).into_iter().map(|line| StockLine { sku: line.sku, quantity: line.quantity }).collect()
}

fn check_change(
    mut warehouse: Warehouse,
    event: &Event,
    status: Status,
    tea: (i64, i64),
    cup: (i64, i64),
) -> Event {
    let Decision::Changed(answer) = warehouse.handle(event).unwrap() else { panic!("ignored") };
    assert_eq!(warehouse.status(order(1)), status);
    assert_eq!((warehouse.pieces("TEA"), warehouse.pieces("CUP")), (tea, cup));
    answer
}

fn check_ignored(warehouse: &Warehouse, event: &Event, reason: Reason) {
    assert_eq!(warehouse.hear(event), Ok(Decision::Ignored(reason)));
}

#[test]
fn a_new_order_reserves_every_line() {
    let answer = check_change(pending(), &created(order(1), WANTED), Status::Reserved, (5, 2), (1, 1));
    let Event::StockReserved(answer) = answer else { panic!("{answer:?}") };
    assert_eq!((answer.lines, answer.reserved_at), (stock_lines(WANTED), now()));
}

#[test]
fn an_order_that_cannot_have_every_line_gets_nothing_and_hears_each_shortage() {
    let event = created(order(1), &[("TEA", 2), ("CUP", 3), ("MUG", 1)]);
    let answer = check_change(pending(), &event, Status::Rejected, (5, 0), (1, 0));
    let Event::StockRejected(answer) = answer else { panic!("{answer:?}") };
    let shortage = |name, requested, available| Shortage {
        sku: sku(name),
        requested: LineQuantity::parse(requested).unwrap(),
        available,
    };
    assert_eq!(answer.shortages, [shortage("CUP", 3, 1), shortage("MUG", 1, 0)]);
}

#[test]
fn of_two_orders_for_the_last_item_the_second_is_rejected() {
    let mut warehouse = reserved();
    warehouse.handle(&created(order(2), &[("CUP", 1)])).unwrap();
    assert_eq!(
        (warehouse.status(order(1)), warehouse.status(order(2))),
        (Status::Reserved, Status::Rejected)
    );
}

#[test]
fn confirming_sells_what_is_reserved() {
    let answer = check_change(reserved(), &confirmed(order(1), WANTED), Status::Committed, (3, 0), (0, 0));
    assert!(matches!(answer, Event::StockCommitted(event) if event.lines == stock_lines(WANTED)));
}

#[test]
fn cancelling_releases_what_is_reserved() {
    let answer = check_change(reserved(), &cancelled(order(1), WANTED), Status::Released, (5, 0), (1, 0));
    let Event::StockReleased(answer) = answer else { panic!("{answer:?}") };
    assert_eq!((answer.from, answer.lines), (ReleasedFrom::Reserved, stock_lines(WANTED)));
}

#[test]
fn cancelling_puts_back_what_is_sold() {
    let answer = check_change(committed(), &cancelled(order(1), WANTED), Status::Released, (5, 0), (1, 0));
    let Event::StockReleased(answer) = answer else { panic!("{answer:?}") };
    assert_eq!((answer.from, answer.lines), (ReleasedFrom::Sold, stock_lines(WANTED)));
}

#[test]
fn a_cancelled_order_nobody_knows_is_answered_at_once_and_a_late_creation_is_ignored() {
    let mut warehouse = pending();
    let Decision::Changed(Event::StockReleased(answer)) =
        warehouse.handle(&cancelled(order(1), WANTED)).unwrap()
    else {
        panic!("no answer")
    };
    assert_eq!((answer.from, answer.lines), (ReleasedFrom::Nothing, vec![]));
    check_ignored(&warehouse, &created(order(1), WANTED), Reason::ReleasedBefore);
    assert_eq!(warehouse.pieces("TEA"), (5, 0));
}

#[test]
fn cancelling_a_rejected_order_needs_no_second_answer() {
    check_ignored(&rejected(), &cancelled(order(1), &[("CUP", 2)]), Reason::RejectedBefore);
}

#[test]
fn an_order_is_answered_once() {
    for warehouse in [reserved(), rejected(), committed()] {
        check_ignored(&warehouse, &created(order(1), WANTED), Reason::AlreadyAnswered);
    }
    check_ignored(&committed(), &confirmed(order(1), WANTED), Reason::AlreadyAnswered);
}

#[test]
fn a_release_is_final() {
    for event in [created(order(1), WANTED), confirmed(order(1), WANTED), cancelled(order(1), WANTED)] {
        check_ignored(&released(), &event, Reason::ReleasedBefore);
    }
}

#[test]
fn confirming_what_is_not_reserved_is_refused() {
    for (warehouse, status) in [(pending(), Status::Pending), (rejected(), Status::Rejected)] {
        let refusal = Rejected::ConfirmedUnreserved { order_id: order(1), status };
        assert_eq!(warehouse.hear(&confirmed(order(1), WANTED)), Err(refusal));
    }
}

#[test]
fn lines_that_cannot_be_an_order_are_refused() {
    let twice = Rejected::SkuTwice { order_id: order(1), sku: sku("TEA") };
    assert_eq!(pending().hear(&created(order(1), &[("TEA", 3), ("TEA", 3)])), Err(twice));
    assert_eq!(pending().hear(&created(order(1), &[])), Err(Rejected::NoLines(order(1))));
}

#[test]
fn an_order_cannot_change_its_lines_on_the_way() {
    let other = &[("TEA", 1), ("CUP", 1)];
    for (warehouse, event) in [
        (reserved(), confirmed(order(1), other)),
        (reserved(), cancelled(order(1), other)),
        (committed(), cancelled(order(1), &[("TEA", 2)])),
    ] {
        assert_eq!(warehouse.hear(&event), Err(Rejected::OtherLines(order(1))));
    }
    let turned = confirmed(order(1), &[("CUP", 1), ("TEA", 2)]);
    assert!(matches!(reserved().hear(&turned), Ok(Decision::Changed(_))));
}

#[test]
fn events_of_others_mean_nothing() {
    assert!(Input::of(&received(1, "TEA", 1).into()).is_none());
    let (mut warehouse, before) = (reserved(), reserved());
    warehouse.evolve(&confirmed(order(1), WANTED));
    assert_eq!(warehouse, before);
}

#[test]
fn a_delivery_is_booked_once() {
    let booked = Receipt::from(received(1, "TEA", 5));
    assert_eq!(Receipt::decide(None, &booked), Ok(Decision::Changed(received(1, "TEA", 5))));
    assert_eq!(Receipt::decide(Some(&booked), &booked), Ok(Decision::Ignored(Reason::SameReceipt)));
    for other in [received(1, "TEA", 6), received(1, "CUP", 5)] {
        assert_eq!(Receipt::decide(Some(&booked), &other.into()), Err(ReceiptTaken(booked.receipt_id)));
    }
}

#[test]
fn a_product_listed_again_as_it_is_changes_nothing() {
    let decide = |listed: Option<&Product>, name, amount| {
        Product::decide(listed, &sku("TEA"), name, price(amount), now())
    };
    let Decision::Changed(event) = decide(None, "Tea", 5) else { panic!("ignored") };
    let product = Product::evolve(event, kernel::Sequence(1));
    assert_eq!(decide(Some(&product), "Tea", 5), Decision::Ignored(Reason::SameProduct));
    for (name, amount) in [("Green tea", 5), ("Tea", 6)] {
        assert!(matches!(decide(Some(&product), name, amount), Decision::Changed(_)));
    }
}

#[test]
fn what_is_loaded_for_an_event_is_what_its_order_names() {
    for event in [created(order(1), WANTED), confirmed(order(1), WANTED), cancelled(order(1), WANTED)] {
        assert_eq!(Input::of(&event).unwrap().lines(), lines(WANTED));
    }
}

#[test]
fn an_order_counts_its_own_events() {
    let mut warehouse = reserved();
    assert_eq!([order(1), order(1), order(2)].map(|id| warehouse.sequence_mut(id).advance()), [1, 2, 1]);
}

#[test]
fn words_are_told_apart() {
    let reasons = [
        Reason::Repeated,
        Reason::AlreadyAnswered,
        Reason::RejectedBefore,
        Reason::ReleasedBefore,
        Reason::SameProduct,
        Reason::SameReceipt,
        Reason::NotConcerned,
    ];
    assert_eq!(reasons.map(Reason::as_str).into_iter().collect::<BTreeSet<_>>().len(), reasons.len());
    let states = [Status::Pending, Status::Reserved, Status::Rejected, Status::Committed, Status::Released];
    let words: BTreeSet<_> = states.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), states.len());
    assert_eq!(words, states.iter().map(|state| state.as_str().to_owned()).collect());
}
