//! Many orders for the same things at once.

use std::time::Duration;

use futures::future::{join, join_all};
use system_tests::{sentences, story};
use tokio::time::Instant;

use crate::visit;

const ROUNDS: usize = 25;
/// Orders the bank thinks about for 2 s each.
const SLOW: usize = 60;
/// What they take when they wait for each other, even if only in each of three partitions.
const ONE_BY_ONE: Duration = Duration::from_secs(40);

sentences![
    the_last_item_goes_to_exactly_one_of_two_orders,
    orders_that_name_the_same_products_in_opposite_order_never_wait_for_each_other,
    a_slow_answer_of_the_bank_delays_no_other_order,
];

async fn the_last_item_goes_to_exactly_one_of_two_orders() {
    let shop = visit().await;
    let vases: Vec<String> = (0..ROUNDS).map(|round| format!("vase-{round:02}")).collect();
    for vase in &vases {
        shop.shelf(vase, 8_000, 1).await;
    }
    let rounds = vases.iter().map(async |vase| {
        let lines = [(vase.as_str(), 1)];
        let (one, other) = join(shop.order(&lines, "tok_ok"), shop.order(&lines, "tok_ok")).await;
        (shop.settled(&one).await, shop.settled(&other).await)
    });
    for (one, other) in join_all(rounds).await {
        let mut ends = [&one, &other].map(|order| (order["status"].as_str(), order["reason"].as_str()));
        ends.sort_unstable();
        assert_eq!(ends, [(Some("cancelled"), Some("out_of_stock")), (Some("confirmed"), None)]);
    }
    let end = shop.in_order().await;
    assert!(end.stock.iter().all(|vase| (vase.on_hand, vase.reserved) == (0, 0)), "{:?}", end.stock);
}

async fn orders_that_name_the_same_products_in_opposite_order_never_wait_for_each_other() {
    let shop = visit().await;
    let pieces = 100;
    for sku in ["chair", "globe", "lamp"] {
        shop.shelf(sku, 1_000, pieces).await;
    }
    let there: [(&str, u32); 3] = [("chair", 1), ("globe", 1), ("lamp", 1)];
    let back: [(&str, u32); 3] = [("lamp", 1), ("globe", 1), ("chair", 1)];
    // More than there is: sold out to the last piece, and not one more.
    let orders = (0..60).map(async |_| {
        let (one, other) = join(shop.order(&there, "tok_ok"), shop.order(&back, "tok_ok")).await;
        [shop.settled(&one).await, shop.settled(&other).await]
    });
    let settled: Vec<_> = join_all(orders).await.into_iter().flatten().collect();
    let confirmed = settled.iter().filter(|order| order["status"] == "confirmed").count();
    assert_eq!((settled.len(), confirmed), (120, 100));
    let end = shop.in_order().await;
    assert!(end.stock.iter().all(|level| (level.on_hand, level.reserved) == (0, 0)), "{:?}", end.stock);
}

async fn a_slow_answer_of_the_bank_delays_no_other_order() {
    let shop = visit().await;
    shop.shelf("lamp", 4_900, 1_000).await;
    let began = Instant::now();
    let slow = join_all((0..SLOW).map(|_| shop.order(&[("lamp", 1)], "tok_slow"))).await;
    let quick = join_all((0..20).map(|_| shop.order(&[("lamp", 1)], "tok_ok"))).await;
    join_all(slow.iter().chain(&quick).map(|order| shop.settled(order))).await;
    assert!(began.elapsed() < ONE_BY_ONE, "{:?}", began.elapsed());

    let end = shop.in_order().await;
    let confirmed = "Confirmed; Committed, Captured; authorize capture; receipt Sent";
    assert!(slow.iter().chain(&quick).all(|order| story(&end, order) == confirmed));
}
