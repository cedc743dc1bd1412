//! The customer changes their mind: before, while and after the order is decided.

use std::time::Duration;

use all::launch::Program;
use futures::StreamExt as _;
use futures::stream;
use reqwest::StatusCode;
use system_tests::{SOON, Shop, race, story};
use testkit::until;
use testkit::wait::expect;

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_order_that_is_cancelled_is_undone_when_the_bank_answers() {
    let mut shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 1).await;
    shop.store().stop_program(Program::PaymentGateway).await;
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    until("the lamp is set aside and the bank was called", SOON, async || {
        let reservation = shop.client.get(Program::Inventory, &format!("/reservations/{order}")).await;
        let payment = shop.client.get(Program::Billing, &format!("/payments/{order}")).await;
        let both = (reservation.unwrap_or_default(), payment.unwrap_or_default());
        expect(both, |(reservation, payment)| {
            reservation["status"] == "reserved" && payment["attempts"].as_u64() > Some(0)
        })
    })
    .await;

    let (status, first) = shop.cancel(&order).await;
    assert_eq!((status, &first["status"]), (StatusCode::OK, &"cancelled".into()));
    assert_eq!((&first["reason"], &first["settled"]), (&"customer_request".into(), &false.into()));
    shop.store().start_program(Program::PaymentGateway).await.unwrap();
    let settled = shop.settled(&order).await;

    // Nobody knows whether the bank had heard of the call that failed: it is made again, then undone.
    let end = shop.in_order().await;
    let expected = "Cancelled CustomerRequest; Released, Voided; authorize void; notice Sent";
    assert_eq!(story(&end, &order), expected);
    let (status, again) = shop.cancel(&order).await;
    assert_eq!((status, again), (StatusCode::OK, settled), "cancelled twice is cancelled once");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_its_window_a_confirmed_order_stands() {
    let shop = Shop::open_with(|plan| plan.orders.cancel_window = Duration::ZERO).await;
    shop.shelf("lamp", 4_900, 10).await;
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    assert_eq!(shop.decided(&order).await["status"], "confirmed");

    for _ in 0..2 {
        let (status, problem) = shop.cancel(&order).await;
        assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    }
    let end = shop.in_order().await;
    assert_eq!(story(&end, &order), "Confirmed; Committed, Captured; authorize capture; receipt Sent");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_in_a_race_with_the_confirmation_wins_or_loses_as_a_whole() {
    // Without a window the one that comes second is told so.
    let shop = Shop::open_with(|plan| plan.orders.cancel_window = Duration::ZERO).await;
    shop.shelf("lamp", 4_900, 1_000).await;
    let rounds = stream::iter(0..60).map(async |round| (round, race(&shop, round).await));
    let (won, lost): (Vec<_>, Vec<_>) = rounds
        .buffer_unordered(6)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .partition(|(_, (status, _))| *status == StatusCode::OK);
    for (round, (_, settled)) in &won {
        assert_eq!(
            (&settled["status"], &settled["reason"]),
            (&"cancelled".into(), &"customer_request".into()),
            "{round}"
        );
    }
    for (round, (status, settled)) in &lost {
        assert_eq!(
            (*status, &settled["status"]),
            (StatusCode::CONFLICT, &"confirmed".into()),
            "{round}: {settled}"
        );
    }
    let end = shop.in_order().await;
    assert_eq!(end.stock[0].on_hand, 1_000 - i64::try_from(lost.len()).unwrap());
    shop.close().await;
}
