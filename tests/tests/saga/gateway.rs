//! A bank that is closed.

use std::time::Duration;

use all::launch::Program;
use system_tests::{SOON, Shop, story};
use testkit::until;
use testkit::wait::expect;

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
