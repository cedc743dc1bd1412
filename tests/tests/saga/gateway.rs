//! A bank that is closed, forgetful or slow.

use std::time::Duration;

use all::launch::Program;
use futures::future::join_all;
use system_tests::{SOON, Shop, story};
use testkit::until;
use testkit::wait::expect;

const CONFIRMED: &str = "Confirmed; Committed, Captured; authorize capture; receipt Sent";

#[tokio::test(flavor = "multi_thread")]
async fn an_order_nobody_answers_in_time_is_cancelled_and_the_late_authorization_undone() {
    // Long enough for the first call to be tried on a busy machine: one that was never tried is not made any more.
    let mut shop = Shop::open_with(|plan| plan.orders.order_deadline = Duration::from_secs(5)).await;
    shop.shelf("lamp", 4_900, 1).await;
    shop.store().stop_program(Program::PaymentGateway).await;
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    until("the bank was called", SOON, async || {
        let payment = shop.client.get(Program::Billing, &format!("/payments/{order}")).await;
        expect(payment.unwrap_or_default(), |payment| payment["attempts"].as_u64() > Some(0))
    })
    .await;

    let decided = shop.decided(&order).await;
    assert_eq!((&decided["reason"], &decided["settled"]), (&"timed_out".into(), &false.into()));
    shop.store().start_program(Program::PaymentGateway).await.unwrap();
    shop.settled(&order).await;

    let end = shop.in_order().await;
    assert_eq!(story(&end, &order), "Cancelled TimedOut; Released, Voided; authorize void; notice Sent");
    assert_eq!((end.stock[0].on_hand, end.stock[0].reserved), (1, 0));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_whose_answer_was_lost_is_made_once() {
    let shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 10).await;
    let lost = join_all((0..5).map(|_| shop.order(&[("lamp", 1)], "tok_timeout_after_charge"))).await;
    join_all(lost.iter().map(|order| shop.settled(order))).await;
    let end = shop.in_order().await;
    for order in &lost {
        assert_eq!(story(&end, order), CONFIRMED);
        let payment = shop.client.get(Program::Billing, &format!("/payments/{order}")).await.unwrap();
        assert_eq!(payment["status"], "captured");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_whose_answer_was_lost_is_undone_when_the_customer_cancels_meanwhile() {
    let shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 1).await;
    let order = shop.order(&[("lamp", 1)], "tok_timeout_after_charge").await;
    until("the bank holds the money", SOON, async || {
        let held = shop.client.ledger(&order).await.map_err(|error| format!("{error:#}"))?;
        if held == ["authorize"] { Ok(()) } else { Err(format!("{held:?}")) }
    })
    .await;
    shop.cancel(&order).await;
    shop.settled(&order).await;
    let expected = "Cancelled CustomerRequest; Released, Voided; authorize void; notice Sent";
    assert_eq!(story(&shop.in_order().await, &order), expected);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_fails_twice_at_every_call_is_called_again() {
    let shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 10).await;
    let kept = shop.order(&[("lamp", 1)], "tok_flaky").await;
    let returned = shop.order(&[("lamp", 1)], "tok_flaky").await;
    join_all([&kept, &returned].map(|order| shop.settled(order))).await;
    shop.cancel(&returned).await;
    shop.settled(&returned).await;

    let end = shop.in_order().await;
    assert_eq!(story(&end, &kept), CONFIRMED);
    assert_eq!(
        story(&end, &returned),
        "Cancelled CustomerRequest; Released, Refunded; authorize capture refund; receipt Sent, notice Sent"
    );
    shop.close().await;
}
