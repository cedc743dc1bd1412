//! What `storectl record` saves of a store, and what not.

use std::path::Path;

use all::launch::Program;
use kernel::Ids as _;
use kernel::clock::SystemIds;
use reqwest::Method;
use serde_json::json;
use storectl::record::{From, To, open, save};
use system_tests::Shop;
use system_tests::canary::{Canaries, files_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_has_every_event_and_nothing_that_says_who_somebody_is() {
    let shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 10).await;
    let canaries = Canaries::new();
    let customer = SystemIds.next();
    let path = format!("/customers/{customer}");
    shop.client.ask(Method::PUT, Program::Order, &path, Some(canaries.person())).await.unwrap();
    // A token is no name, and is not recorded either.
    let token = "tok_ok";
    let order = shop.order_of(customer, &[("lamp", 1)], token).await;
    shop.settled(&order).await;
    shop.in_order().await;

    let settings = shop.running().settings();
    assert!(!canaries.in_log(&settings).await.is_empty(), "they were never in the log");
    let folder = shop.running().plan().dir.join("day");
    let manifest = save(&settings, From::Beginning, To::Now, &folder).await.unwrap();
    assert_eq!(manifest.unreadable, 0);
    assert_eq!(files_with(&folder, &canaries.needles()), Vec::<String>::new());
    assert_eq!(files_with(&folder, &[token.as_bytes().to_vec()]), Vec::<String>::new());
    assert!(!files_with(&folder, &[order.clone().into_bytes()]).is_empty(), "the order is not in it either");

    let recorded = open(&folder).unwrap();
    let of_it = recorded.iter().filter(|one| one.received.metadata.correlation == order).count();
    // Created, confirmed; reserved, committed; authorized, captured; a receipt.
    assert_eq!(of_it, 7, "{recorded:#?}");
    a_span_is_told_by_the_times(&settings, &folder).await;
    shop.close().await;
}

async fn a_span_is_told_by_the_times(settings: &messaging::Settings, folder: &Path) {
    let all = open(folder).unwrap();
    let middle = all[all.len() / 2].received.metadata.time;
    let (before, after) = (folder.with_file_name("before"), folder.with_file_name("after"));
    let first = save(settings, From::Beginning, To::Time(middle), &before).await.unwrap();
    let second = save(settings, From::Time(middle), To::Now, &after).await.unwrap();
    assert!(first.records() > 0 && second.records() > 0, "{}", json!([first, second]));
    assert_eq!(first.records() + second.records(), u64::try_from(all.len()).unwrap());
    assert!(open(&after).unwrap().iter().all(|one| one.received.metadata.time >= middle));
}
