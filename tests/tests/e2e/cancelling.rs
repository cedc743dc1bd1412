//! The customer changes their mind, in any moment.

use futures::StreamExt as _;
use futures::stream;
use reqwest::StatusCode;
use system_tests::{race, sentences, story};

use crate::visit;

sentences![
    a_confirmed_order_that_is_cancelled_in_time_is_refunded_and_put_back,
    a_cancellation_in_any_moment_of_its_window_undoes_everything,
];

async fn a_confirmed_order_that_is_cancelled_in_time_is_refunded_and_put_back() {
    let shop = visit().await;
    shop.shelf("lamp", 4_900, 1).await;
    let order = shop.order(&[("lamp", 1)], "tok_ok").await;
    assert_eq!(shop.settled(&order).await["status"], "confirmed");

    let (status, cancelled) = shop.cancel(&order).await;
    assert_eq!((status, &cancelled["status"]), (StatusCode::OK, &"cancelled".into()));
    assert_eq!(cancelled["settled"], false, "until stock and money are back");
    let settled = shop.settled(&order).await;
    let (status, again) = shop.cancel(&order).await;
    assert_eq!((status, again), (StatusCode::OK, settled));

    let end = shop.in_order().await;
    let expected =
        "Cancelled CustomerRequest; Released, Refunded; authorize capture refund; receipt Sent, notice Sent";
    assert_eq!(story(&end, &order), expected);
    assert_eq!((end.stock[0].on_hand, end.stock[0].reserved), (1, 0));
}

async fn a_cancellation_in_any_moment_of_its_window_undoes_everything() {
    let shop = visit().await;
    shop.shelf("lamp", 4_900, 1_000).await;
    let rounds = stream::iter(0..60).map(async |round| race(&shop, round).await);
    for (status, settled) in rounds.buffer_unordered(6).collect::<Vec<_>>().await {
        assert_eq!((status, &settled["reason"]), (StatusCode::OK, &"customer_request".into()));
    }
    assert_eq!(shop.in_order().await.stock[0].on_hand, 1_000);
}
