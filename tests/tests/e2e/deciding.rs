//! What stock and payment lead to.

use serde_json::json;
use system_tests::{sentences, story};

use crate::visit;

sentences![
    an_order_that_can_be_served_is_confirmed_and_paid_for,
    an_order_of_several_lines_is_served_as_a_whole_or_not_at_all,
    an_order_nobody_has_stock_for_is_cancelled_and_costs_nothing,
    a_card_that_is_declined_gives_the_stock_back,
    a_capture_that_fails_after_the_confirmation_undoes_the_sale,
];

async fn an_order_that_can_be_served_is_confirmed_and_paid_for() {
    let shop = visit().await;
    shop.shelf("lamp", 4_900, 10).await;
    let order = shop.order(&[("lamp", 2)], "tok_ok").await;

    let settled = shop.settled(&order).await;
    assert_eq!(settled["total"], json!({ "amount_minor": 9_800, "currency": "EUR" }));

    let end = shop.in_order().await;
    assert_eq!(story(&end, &order), "Confirmed; Committed, Captured; authorize capture; receipt Sent");
    assert_eq!((end.stock[0].on_hand, end.stock[0].reserved), (8, 0));
}

async fn an_order_of_several_lines_is_served_as_a_whole_or_not_at_all() {
    let shop = visit().await;
    let skus = ["chair", "globe", "lamp", "table", "vase"];
    for (sku, price) in skus.into_iter().zip([100, 200, 300, 400, 500]) {
        shop.shelf(sku, price, 3).await;
    }
    let lines: Vec<_> = skus.into_iter().zip([3, 1, 2, 1, 2]).collect();
    let whole = shop.order(&lines, "tok_ok").await;
    assert_eq!(shop.settled(&whole).await["total"]["amount_minor"], 300 + 200 + 600 + 400 + 1_000);

    // Only the chairs are gone.
    let short = shop.order(&[("globe", 1), ("chair", 1), ("vase", 1)], "tok_ok").await;
    shop.settled(&short).await;

    let end = shop.in_order().await;
    assert!(story(&end, &whole).starts_with("Confirmed; Committed, Captured"), "{}", story(&end, &whole));
    assert!(story(&end, &short).starts_with("Cancelled OutOfStock; Rejected, Voided"));
    let on_hand: Vec<i64> = end.stock.iter().map(|level| level.on_hand).collect();
    assert_eq!(on_hand, [0, 2, 1, 2, 1]);
}

async fn an_order_nobody_has_stock_for_is_cancelled_and_costs_nothing() {
    let shop = visit().await;
    shop.shelf("lamp", 4_900, 1).await;
    shop.shelf("globe", 12_500, 0).await;
    for lines in [&[("lamp", 2)][..], &[("globe", 1)], &[("lamp", 1), ("globe", 1)]] {
        let order = shop.order(lines, "tok_ok").await;
        shop.settled(&order).await;
        let end = story(&shop.in_order().await, &order);
        // The bank is asked at the same time as the warehouse: it may have held the money for a moment.
        let quick = "Cancelled OutOfStock; Rejected, Voided; ; notice Sent";
        let slow = "Cancelled OutOfStock; Rejected, Voided; authorize void; notice Sent";
        assert!(end == quick || end == slow, "{end}");
    }
}

async fn a_card_that_is_declined_gives_the_stock_back() {
    let shop = visit().await;
    shop.shelf("lamp", 4_900, 1).await;
    for token in ["tok_declined", "tok_insufficient_funds", "tok_of_another_bank"] {
        let order = shop.order(&[("lamp", 1)], token).await;
        shop.settled(&order).await;
        let end = shop.in_order().await;
        // An order that is cancelled before its stock is asked for is answered without any.
        assert_eq!(
            story(&end, &order),
            "Cancelled PaymentDeclined; Released, Declined; ; notice Sent",
            "{token}"
        );
        assert_eq!((end.stock[0].on_hand, end.stock[0].reserved), (1, 0));
    }
    let last = shop.order(&[("lamp", 1)], "tok_ok").await;
    assert_eq!(shop.settled(&last).await["status"], "confirmed", "the lamp is there again");
    shop.in_order().await;
}

async fn a_capture_that_fails_after_the_confirmation_undoes_the_sale() {
    let shop = visit().await;
    shop.shelf("lamp", 4_900, 1).await;
    let order = shop.order(&[("lamp", 1)], "tok_capture_fails").await;
    shop.settled(&order).await;

    let end = shop.in_order().await;
    let expected = "Cancelled CaptureFailed; Released, Voided; authorize void; receipt Sent, notice Sent";
    assert_eq!(story(&end, &order), expected);
    assert_eq!((end.stock[0].on_hand, end.stock[0].reserved), (1, 0));
}
