use std::collections::BTreeMap;

use kernel::{Currency, Money, OrderId, Sku};
use uuid::Uuid;

use super::{Rule, Subject, check};
use crate::snapshot::{
    Details, Effect, EffectKind, Level, Line, Mail, MailKind, MailStatus, Order, Payment, PaymentStatus,
    Pieces, Progress, Reason, Reservation, Snapshot, Status, StockStatus,
};
use crate::step::{PAYMENT_ANSWER, PAYMENT_CAPTURE, PAYMENT_UNDONE, STOCK_COMMIT};

pub(crate) const SOLD: OrderId = OrderId(Uuid::from_u128(1));
pub(crate) const REFUNDED: OrderId = OrderId(Uuid::from_u128(2));
pub(crate) const REFUSED: OrderId = OrderId(Uuid::from_u128(3));
const STRANGE: OrderId = OrderId(Uuid::from_u128(9));

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::parse("EUR").unwrap()).unwrap()
}

fn lamp() -> Sku {
    Sku::parse("lamp").unwrap()
}

fn order(order_id: OrderId, status: Status, reason: Option<Reason>, progress: Progress) -> Order {
    let lines = vec![Line { sku: lamp(), quantity: 2, unit_price: eur(50) }];
    Order { order_id, status, reason, lines, total: eur(100), progress, settled: true }
}

fn effect(order_id: OrderId, kind: EffectKind) -> Effect {
    let idempotency_key = format!("{order_id}:{}", kind.name());
    Effect { order_id, kind, amount_minor: 100, currency: eur(0).currency(), idempotency_key }
}

fn mail(order_id: OrderId, kind: MailKind) -> Mail {
    let message_id = Some(format!("{order_id}.{kind:?}@counterflow.example"));
    Mail { order_id, kind, status: MailStatus::Sent, message_id }
}

fn progress(stock: StockStatus, payment: PaymentStatus) -> Progress {
    Progress { stock, payment }
}

/// Ten lamps came; two are sold, two were sold and put back, two were asked for by a card that was declined.
pub(crate) fn lists() -> Snapshot {
    use EffectKind::{Authorize, Capture, Refund};
    let sold = progress(StockStatus::Committed, PaymentStatus::Captured);
    let refunded = progress(StockStatus::Released, PaymentStatus::Refunded);
    let refused = progress(StockStatus::Released, PaymentStatus::Declined);
    Snapshot {
        received: BTreeMap::from([(lamp(), 10)]),
        orders: vec![
            order(SOLD, Status::Confirmed, None, sold),
            order(REFUNDED, Status::Cancelled, Some(Reason::CustomerRequest), refunded),
            order(REFUSED, Status::Cancelled, Some(Reason::PaymentDeclined), refused),
        ],
        stock: vec![Level { sku: lamp(), on_hand: 8, reserved: 0 }],
        mails: vec![
            mail(SOLD, MailKind::Receipt),
            mail(REFUNDED, MailKind::Receipt),
            mail(REFUNDED, MailKind::Cancellation),
            mail(REFUSED, MailKind::Cancellation),
        ],
        ledger: [Authorize, Capture]
            .map(|kind| effect(SOLD, kind))
            .into_iter()
            .chain([Authorize, Capture, Refund].map(|kind| effect(REFUNDED, kind)))
            .collect(),
        ..Snapshot::default()
    }
}

pub(crate) fn everything() -> Snapshot {
    use Status::{Cancelled, Confirmed, Pending};
    let lists = lists();
    let mut details = Details::default();
    for order in &lists.orders {
        let lines = vec![Pieces { sku: lamp(), quantity: 2 }];
        details.reservations.insert(order.order_id, Reservation { status: order.progress.stock, lines });
        let payment = Payment { status: order.progress.payment, amount: Some(order.total) };
        details.payments.insert(order.order_id, payment);
    }
    details.histories = BTreeMap::from([
        (SOLD, vec![Pending, Pending, Confirmed, Confirmed]),
        (REFUNDED, vec![Pending, Confirmed, Confirmed, Cancelled, Cancelled]),
        (REFUSED, vec![Pending, Cancelled, Cancelled]),
    ]);
    Snapshot { details: Some(details), ..lists }
}

fn details(snapshot: &mut Snapshot) -> &mut Details {
    snapshot.details.as_mut().unwrap()
}

/// Exactly this rule is broken, and only there, after `spoil`.
#[track_caller]
fn breaks(rule: Rule, subject: &Subject, before: Snapshot, spoil: impl FnOnce(&mut Snapshot)) {
    let mut snapshot = before;
    spoil(&mut snapshot);
    let found = check(&snapshot);
    let text: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(!found.is_empty(), "nothing was found");
    for violation in &found {
        assert!(!violation.steps.is_empty(), "{text:#?}");
        assert!(violation.rule == rule && violation.subject == *subject, "{text:#?}");
    }
}

#[test]
fn a_store_in_order_gives_no_violation() {
    assert_eq!(check(&lists()), []);
    assert_eq!(check(&everything()), []);
    assert_eq!(check(&Snapshot::default()), []);
    assert_eq!(everything().unfinished(), []);
}

#[test]
fn a_piece_that_is_lost_or_found_is_seen() {
    let lamps = Subject::Sku(lamp());
    for before in [lists(), everything()] {
        breaks(Rule::Stock, &lamps, before.clone(), |shop| shop.stock[0].on_hand -= 1);
        breaks(Rule::Stock, &lamps, before.clone(), |shop| shop.stock[0].on_hand += 1);
        breaks(Rule::Stock, &lamps, before.clone(), |shop| shop.stock.clear());
        breaks(Rule::Stock, &lamps, before, |shop| {
            shop.received.insert(lamp(), 11);
        });
    }
    // Nobody knows what was received: the sum says nothing, the bounds still do.
    breaks(Rule::Stock, &lamps, lists(), |shop| {
        shop.received.clear();
        shop.stock[0].on_hand = -1;
    });
}

#[test]
fn a_reservation_that_nobody_has_is_seen() {
    let lamps = Subject::Sku(lamp());
    breaks(Rule::Stock, &lamps, everything(), |shop| shop.stock[0].reserved = 2);
    breaks(Rule::Stock, &lamps, everything(), |shop| shop.stock[0].reserved = -2);
}

#[test]
fn what_was_sold_too_often_is_seen() {
    breaks(Rule::Stock, &Subject::Sku(lamp()), lists(), |shop| {
        shop.received.insert(lamp(), 1);
        shop.stock[0].on_hand = 0;
    });
}

#[test]
fn an_order_without_a_decision_is_seen() {
    let order = Subject::Order(REFUSED);
    let undecided = |shop: &mut Snapshot| {
        shop.orders[2].status = Status::Pending;
        shop.orders[2].reason = None;
        shop.mails.pop();
    };
    breaks(Rule::Decided, &order, lists(), undecided);
    breaks(Rule::Decided, &order, lists(), |shop| shop.orders[2].reason = None);
    breaks(Rule::Decided, &Subject::Order(SOLD), lists(), |shop| {
        shop.orders[0].reason = Some(Reason::CustomerRequest);
    });
}

#[test]
fn an_order_that_was_decided_twice_is_seen() {
    use Status::{Cancelled, Confirmed, Pending};
    for history in [
        vec![Pending, Confirmed, Cancelled, Confirmed],
        vec![Pending, Cancelled, Confirmed],
        vec![Pending, Confirmed, Cancelled],
        vec![Confirmed],
    ] {
        breaks(Rule::Decided, &Subject::Order(SOLD), everything(), |shop| {
            details(shop).histories.insert(SOLD, history);
        });
    }
    for reason in [Reason::OutOfStock, Reason::TimedOut, Reason::PaymentDeclined] {
        for before in [lists(), everything()] {
            breaks(Rule::Decided, &Subject::Order(REFUNDED), before, |shop| {
                shop.orders[1].reason = Some(reason);
            });
        }
    }
    breaks(Rule::Decided, &Subject::Order(REFUSED), lists(), |shop| {
        shop.orders[2].reason = Some(Reason::CaptureFailed);
    });
}

#[test]
fn money_that_does_not_fit_the_decision_is_seen() {
    use EffectKind::{Authorize, Capture, Refund, Void};
    let without = |id: OrderId, kind: EffectKind| {
        move |shop: &mut Snapshot| shop.ledger.retain(|one| one.order_id != id || one.kind != kind)
    };
    let with = |id: OrderId, kind: EffectKind| move |shop: &mut Snapshot| shop.ledger.push(effect(id, kind));
    let (sold, refunded, refused) = (Subject::Order(SOLD), Subject::Order(REFUNDED), Subject::Order(REFUSED));
    breaks(Rule::Money, &sold, lists(), without(SOLD, Capture));
    breaks(Rule::Money, &sold, lists(), with(SOLD, Capture));
    breaks(Rule::Money, &sold, lists(), with(SOLD, Refund));
    breaks(Rule::Money, &refunded, lists(), without(REFUNDED, Refund));
    breaks(Rule::Money, &refunded, lists(), with(REFUNDED, Refund));
    breaks(Rule::Money, &refused, lists(), with(REFUSED, Authorize));
    breaks(Rule::Money, &refused, everything(), |shop| {
        shop.ledger.extend([Authorize, Void, Void].map(|kind| effect(REFUSED, kind)));
    });
    // It was never confirmed: to give back what was taken does not make it good.
    breaks(Rule::Money, &refused, lists(), |shop| {
        shop.ledger.extend([Authorize, Capture, Refund].map(|kind| effect(REFUSED, kind)));
    });
    breaks(Rule::Money, &Subject::Order(STRANGE), lists(), with(STRANGE, Authorize));
}

#[test]
fn another_amount_currency_or_key_is_seen() {
    let sold = Subject::Order(SOLD);
    breaks(Rule::Money, &sold, lists(), |shop| shop.ledger[1].amount_minor = 99);
    breaks(Rule::Money, &sold, lists(), |shop| shop.ledger[1].currency = Currency::parse("USD").unwrap());
    breaks(Rule::Money, &sold, lists(), |shop| shop.ledger[1].idempotency_key = format!("{SOLD}:1"));
}

#[test]
fn a_mail_that_is_missing_superfluous_or_waiting_is_seen() {
    let (sold, refunded, refused) = (Subject::Order(SOLD), Subject::Order(REFUNDED), Subject::Order(REFUSED));
    breaks(Rule::Mails, &sold, lists(), |shop| drop(shop.mails.remove(0)));
    breaks(Rule::Mails, &sold, lists(), |shop| shop.mails[0].status = MailStatus::Pending);
    breaks(Rule::Mails, &sold, lists(), |shop| shop.mails[0].message_id = None);
    breaks(Rule::Mails, &refunded, everything(), |shop| drop(shop.mails.remove(1)));
    breaks(Rule::Mails, &refunded, lists(), |shop| drop(shop.mails.remove(2)));
    breaks(Rule::Mails, &refused, everything(), |shop| shop.mails.push(mail(REFUSED, MailKind::Receipt)));
    breaks(Rule::Mails, &Subject::Order(STRANGE), lists(), |shop| {
        shop.mails.push(mail(STRANGE, MailKind::Receipt));
    });
    breaks(Rule::Mails, &refused, lists(), |shop| {
        let taken = shop.mails[0].message_id.clone();
        shop.mails[3].message_id = taken;
    });
}

#[test]
fn a_failed_mail_is_an_end_too() {
    let mut shop = lists();
    shop.mails[0] = Mail { status: MailStatus::Failed, message_id: None, ..shop.mails[0].clone() };
    assert_eq!(check(&shop), []);
}

#[test]
fn a_sale_that_was_not_carried_out_is_seen_with_the_step_that_lacks() {
    let sold = Subject::Order(SOLD);
    let uncommitted = |shop: &mut Snapshot| {
        shop.orders[0].progress.stock = StockStatus::Reserved;
        shop.stock[0] = Level { sku: lamp(), on_hand: 10, reserved: 2 };
    };
    breaks(Rule::NothingHeld, &sold, lists(), uncommitted);
    breaks(Rule::NothingHeld, &sold, lists(), |shop| {
        shop.orders[0].progress.payment = PaymentStatus::Authorized;
    });
    let mut shop = lists();
    uncommitted(&mut shop);
    assert_eq!(check(&shop)[0].steps, [STOCK_COMMIT]);
}

#[test]
fn money_names_the_steps_that_lack_or_are_too_many() {
    use EffectKind::{Authorize, Capture, Refund, Void};
    let steps = |id: OrderId, kinds: &[EffectKind]| {
        let mut shop = lists();
        shop.ledger.retain(|one| one.order_id != id);
        shop.ledger.extend(kinds.iter().map(|kind| effect(id, *kind)));
        check(&shop)[0].steps.clone()
    };
    assert_eq!(steps(SOLD, &[Authorize]), [PAYMENT_CAPTURE]);
    assert_eq!(steps(SOLD, &[Authorize, Capture, Refund]), [PAYMENT_UNDONE]);
    assert_eq!(steps(SOLD, &[]), [PAYMENT_ANSWER, PAYMENT_CAPTURE]);
    assert_eq!(steps(REFUNDED, &[Authorize, Capture]), [PAYMENT_UNDONE]);
    assert_eq!(steps(REFUNDED, &[Authorize, Capture, Void]), [PAYMENT_CAPTURE, PAYMENT_UNDONE]);
}

#[test]
fn money_taken_before_the_decision_is_seen() {
    let mut shop = lists();
    (shop.orders[0].status, shop.orders[0].settled) = (Status::Pending, false);
    let found = check(&shop);
    let money = found.iter().find(|violation| violation.rule == Rule::Money).unwrap();
    assert_eq!((&money.subject, &money.steps), (&Subject::Order(SOLD), &vec![PAYMENT_CAPTURE]));
}

#[test]
fn of_a_busy_sku_only_what_holds_at_every_moment_is_asked() {
    let mut shop = lists();
    shop.busy.insert(lamp());
    shop.stock[0] = Level { sku: lamp(), on_hand: 5, reserved: 3 };
    assert_eq!(check(&shop), []);
    shop.stock[0].reserved = 6;
    breaks(Rule::Stock, &Subject::Sku(lamp()), shop, |_| {});
}

#[test]
fn what_is_still_held_for_a_settled_order_is_seen() {
    let refused = Subject::Order(REFUSED);
    breaks(Rule::NothingHeld, &refused, lists(), |shop| {
        shop.orders[2].progress.payment = PaymentStatus::Authorized;
    });
    breaks(Rule::NothingHeld, &refused, lists(), |shop| shop.orders[2].settled = false);
    breaks(Rule::NothingHeld, &refused, lists(), |shop| {
        shop.orders[2].progress.payment = PaymentStatus::CaptureFailed;
    });
    breaks(Rule::NothingHeld, &refused, lists(), |shop| {
        shop.orders[2].progress.stock = StockStatus::Reserved;
        shop.stock[0].reserved = 2;
    });
}

#[test]
fn services_that_tell_different_stories_are_seen() {
    let (sold, refused) = (Subject::Order(SOLD), Subject::Order(REFUSED));
    let reservation = |shop: &mut Snapshot, id, change: fn(&mut Reservation)| {
        change(details(shop).reservations.get_mut(&id).unwrap());
    };
    breaks(Rule::Agreement, &refused, everything(), |shop| {
        reservation(shop, REFUSED, |it| it.status = StockStatus::Rejected);
    });
    breaks(Rule::Agreement, &sold, everything(), |shop| {
        reservation(shop, SOLD, |it| it.lines[0].quantity = 3);
        shop.stock[0].on_hand = 7;
    });
    breaks(Rule::Agreement, &refused, everything(), |shop| {
        details(shop).payments.get_mut(&REFUSED).unwrap().status = PaymentStatus::Voided;
    });
    breaks(Rule::Agreement, &refused, everything(), |shop| {
        details(shop).payments.get_mut(&REFUSED).unwrap().amount = Some(eur(99));
    });
    breaks(Rule::Agreement, &refused, everything(), |shop| {
        details(shop).payments.remove(&REFUSED);
    });
    breaks(Rule::Agreement, &refused, everything(), |shop| {
        details(shop).reservations.remove(&REFUSED);
    });
}

#[test]
fn a_violation_is_a_sentence() {
    let mut shop = lists();
    shop.stock[0].on_hand = 7;
    shop.ledger.pop();
    let sentences: Vec<String> = check(&shop).iter().map(ToString::to_string).collect();
    assert_eq!(
        sentences,
        [
            "sku lamp: expected 10 received = on hand + sold, found 7 on hand, 2 sold; events involved: StockReceived by \
             inventory, StockCommitted by inventory after OrderConfirmed, StockReleased by inventory after OrderCancelled",
            "order 00000000-0000-0000-0000-000000000002: expected nothing charged, or all of it voided or refunded once, \
             found authorize 100 EUR, capture 100 EUR; events involved: PaymentVoided or PaymentRefunded by billing after \
             OrderCancelled",
        ]
    );
}
