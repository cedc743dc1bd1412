//! Customers that email does not know yet, or not any more.

use all::launch::Program;
use kernel::Ids as _;
use kernel::clock::SystemIds;
use reqwest::Method;
use system_tests::{SOON, Shop, story};
use testkit::until;

/// The shard of the outbox with the events of customers.
const CUSTOMERS_SHARD: i16 = messaging::core::shard::COMPACTED_SHARD;

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_waits_until_email_knows_the_customer() {
    let mut shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 10).await;
    // As if another instance held the events of customers, and did not publish them.
    shop.store().stop_program(Program::Order).await;
    let lease = |owner, until| {
        format!(
            "UPDATE messaging.relay_lease SET owner = {owner}, until = '{until}' WHERE shard = {CUSTOMERS_SHARD}"
        )
    };
    shop.execute(Program::Order, &lease("'one that hangs'", "infinity")).await;
    shop.store().start_program(Program::Order).await.unwrap();

    let newcomer = SystemIds.next();
    shop.register(newcomer, "Ada Lovelace").await;
    let order = shop.order_of(newcomer, &[("lamp", 1)], "tok_ok").await;
    shop.settled(&order).await;
    until("the receipt waits", SOON, async || {
        let mails = shop.client.mails(&order).await.map_err(|error| format!("{error:#}"))?;
        if mails == ["receipt pending"] { Ok(()) } else { Err(format!("{mails:?}")) }
    })
    .await;

    shop.execute(Program::Order, &lease("NULL", "-infinity")).await;
    let end = shop.in_order().await;
    assert_eq!(story(&end, &order), "Confirmed; Committed, Captured; authorize capture; receipt Sent");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_is_erased_midway_gets_no_mail() {
    let mut shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 10).await;
    shop.store().stop_program(Program::PaymentGateway).await;
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    let path = format!("/customers/{}", shop.customer);
    shop.client.ask(Method::DELETE, Program::Order, &path, None).await.unwrap();
    until("email has forgotten the customer", SOON, async || {
        let query =
            format!("SELECT count(*) FROM customer WHERE erased AND customer_id = '{}'", shop.customer);
        let erased = shop.number(Program::Email, &query).await;
        if erased == 1 { Ok(()) } else { Err(format!("{erased} customers erased")) }
    })
    .await;
    shop.store().start_program(Program::PaymentGateway).await.unwrap();
    shop.settled(&order).await;

    // The sale stands.
    let end = shop.in_order().await;
    assert_eq!(story(&end, &order), "Confirmed; Committed, Captured; authorize capture; receipt Failed");
    shop.cancel(&order).await;
    shop.settled(&order).await;
    let expected = "Cancelled CustomerRequest; Released, Refunded; authorize capture refund; receipt Failed, notice Failed";
    assert_eq!(story(&shop.in_order().await, &order), expected);
    shop.close().await;
}
