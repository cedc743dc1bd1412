//! What somebody gave up has no effect, in the tables and in what the log says of them.

use all::launch::Program;
use messaging::dead_letters::{DeadLetters, Filter, What, Wish};
use reqwest::Method;
use serde_json::json;
use storectl::dead_letters::Service;
use system_tests::{Planted, SOON, Shop, plant};
use testkit::until;
use uuid::Uuid;

use crate::lived_in;

async fn named(shop: &Shop, name: &str) -> i64 {
    shop.number(Program::Email, &format!("SELECT count(*) FROM customer WHERE name = '{name}'")).await
}

/// The customer is called so from now on; email may not know.
async fn called(shop: &Shop, customer: Uuid, name: &str) {
    let person = json!({ "name": name, "email": "grace@example.org" });
    shop.client
        .ask(Method::PUT, Program::Order, &format!("/customers/{customer}"), Some(person))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_discarded_is_no_difference_and_a_rebuild_leaves_it_out_again() {
    let mut shop = lived_in(8).await;
    let customer = Uuid::from_u128(0x7001);
    let registered = events::CustomerRegistered {
        customer_id: customer.into(),
        name: "Nobody".into(),
        email: "nobody@example.org".into(),
        registered_at: kernel::Timestamp::EPOCH,
    };
    plant(&shop, Program::Order, &[Planted::good(registered).cut()]).await;
    let database = shop.running().database(Program::Email).unwrap();
    let letters = DeadLetters::at(database.database_url.reveal(), None).unwrap();
    let parked = async |wanted: usize| {
        until(format!("email has {wanted} parked"), SOON, async || {
            let parked = letters.list(&Filter::default()).await.unwrap();
            if parked.len() == wanted { Ok(()) } else { Err(format!("{parked:?}")) }
        })
        .await;
    };
    parked(1).await;
    called(&shop, customer, "Grace Given Up").await;
    parked(2).await;
    let filter = Filter { key: Some(customer.to_string()), ..Filter::default() };
    let (who, why) = ("tester".to_owned(), Some("she is not called so".to_owned()));
    letters.ask(&Wish { what: What::Discard, filter, whole_keys: true, who, why }).await.unwrap();
    parked(0).await;
    assert_eq!(named(&shop, "Grace Given Up").await, 0);

    let reports = shop.audited(SOON).await;
    assert!(reports.iter().all(|report| report.is_clean() && report.is_complete()), "{reports:#?}");
    let of_email = reports.iter().find(|report| report.service == "email").unwrap();
    assert_eq!((of_email.passed.discarded, of_email.left_out.len()), (2, 0), "{of_email:#?}");
    shop.store().stop_program(Program::Email).await;
    shop.rebuilt(Service::Email).await;
    assert_eq!(named(&shop, "Grace Given Up").await, 0, "the rebuild brought it back");
    shop.store().start_program(Program::Email).await.unwrap();

    // The key is open, and what comes next is heard.
    called(&shop, customer, "Grace Hopper").await;
    until("email knows the next name", SOON, async || match named(&shop, "Grace Hopper").await {
        1 => Ok(()),
        found => Err(found),
    })
    .await;
    shop.is_as_the_log_says().await;
    shop.shut().await;
}
