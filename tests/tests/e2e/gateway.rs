//! A bank that is forgetful or fails.

use futures::future::join_all;
use storectl::Program;
use system_tests::{SOON, sentences, story};
use testkit::until;

use crate::visit;

const CONFIRMED: &str = "Confirmed; Committed, Captured; authorize capture; receipt Sent";

sentences![
    a_charge_whose_answer_was_lost_is_made_once,
    a_charge_whose_answer_was_lost_is_undone_when_the_customer_cancels_meanwhile,
    a_bank_that_fails_twice_at_every_call_is_called_again,
];

async fn a_charge_whose_answer_was_lost_is_made_once() {
    let shop = visit().await;
    shop.shelf("lamp", 4_900, 10).await;
    let lost = join_all((0..5).map(|_| shop.order(&[("lamp", 1)], "tok_timeout_after_charge"))).await;
    join_all(lost.iter().map(|order| shop.settled(order))).await;
    let end = shop.in_order().await;
    for order in &lost {
        assert_eq!(story(&end, order), CONFIRMED);
        let payment = shop.client.get(Program::Billing, &format!("/payments/{order}")).await.unwrap();
        assert_eq!(payment["status"], "captured");
    }
}

async fn a_charge_whose_answer_was_lost_is_undone_when_the_customer_cancels_meanwhile() {
    let shop = visit().await;
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
}

async fn a_bank_that_fails_twice_at_every_call_is_called_again() {
    let shop = visit().await;
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
}
