//! What `storectl check` says of the whole store.

use futures::future::join_all;
use invariants::Depth;
use storectl::check;
use system_tests::sentences;

use crate::{client, visit};

sentences![a_busy_store_is_in_order_and_what_is_under_way_in_it_is_no_violation: own_store];

/// Of a store of its own, where nobody calls the bank by hand; the other tests of the suite are at it meanwhile.
async fn a_busy_store_is_in_order_and_what_is_under_way_in_it_is_no_violation() {
    let shop = visit().await;
    shop.shelf("lamp", 4_900, 100).await;
    let slow = shop.order(&[("lamp", 1)], "tok_slow").await;
    let quick = join_all((0..20).map(|_| shop.order(&[("lamp", 1)], "tok_ok")));
    let look = async || check::visit(&client().await, Depth::Everything).await.unwrap();
    let (placed, during) = tokio::join!(quick, look());
    assert_eq!(told(&during), [""; 0]);
    assert!(during.under_way.iter().any(|one| one.order_id.to_string() == slow), "{:?}", during.under_way);

    join_all(placed.iter().chain([&slow]).map(|order| shop.settled(order))).await;
    shop.in_order().await;
    let after = look().await;
    assert_eq!(told(&after), [""; 0]);
    let seen = |id: &String| after.at_rest.orders.iter().any(|order| order.order_id.to_string() == *id);
    assert!(placed.iter().chain([&slow]).all(seen), "what has come to its end is looked at");
}

fn told(report: &check::Report) -> Vec<String> {
    report.violations.iter().map(ToString::to_string).collect()
}
