use std::time::{Duration, Instant};

use order::config::OrderArgs;
use order::sweeper::Outcome;

use crate::samples::reply;
use crate::support::{Room, basket};

#[tokio::test]
async fn orders_that_are_still_pending_at_their_deadline_are_cancelled_and_no_others() {
    let room = Room::open().await;
    let overdue = room.order().await;
    let confirmed = room.order().await;
    for name in ["StockReserved", "PaymentAuthorized"] {
        room.deliver(1, &reply(name, confirmed, room.now())).await;
    }
    room.pass(Duration::from_mins(5));
    let young = room.order().await;
    assert_eq!(room.sweeper.sweep().await.unwrap(), Outcome::Idle);
    room.pass(Duration::from_mins(5));
    assert_eq!(room.sweeper.sweep().await.unwrap(), Outcome::Swept(1));
    let order = room.see(overdue).await;
    assert_eq!((order["status"].as_str(), order["reason"].as_str()), (Some("cancelled"), Some("timed_out")));
    assert_eq!(room.published(overdue).await[1].0, "OrderCancelled");
    assert_eq!(room.see(confirmed).await["status"], "confirmed");
    assert_eq!(room.see(young).await["status"], "pending");
    assert_eq!(room.sweeper.sweep().await.unwrap(), Outcome::Idle);
    room.close().await;
}

#[tokio::test]
async fn a_reply_that_finds_an_overdue_order_pending_counts() {
    let room = Room::open().await;
    let id = room.order().await;
    room.pass(Duration::from_mins(11));
    for name in ["StockReserved", "PaymentAuthorized"] {
        room.deliver(1, &reply(name, id, room.now())).await;
    }
    assert_eq!(room.sweeper.sweep().await.unwrap(), Outcome::Idle);
    assert_eq!(room.see(id).await["status"], "confirmed");
    room.close().await;
}

#[tokio::test]
async fn a_sweep_takes_a_bounded_number_of_orders_at_a_time() {
    let room = Room::open_with(OrderArgs { sweep_orders_max: 2, ..OrderArgs::default() }).await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    for _ in 0..5 {
        room.order_of(customer, "TEA").await;
    }
    room.pass(Duration::from_mins(10));
    let mut swept = Vec::new();
    while let Outcome::Swept(count) = room.sweeper.sweep().await.unwrap() {
        swept.push(count);
    }
    assert_eq!(swept, [2, 2, 1]);
    room.close().await;
}

#[tokio::test]
async fn idempotency_keys_are_purged_after_a_day() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    room.post("/orders", &basket(customer, "TEA").to_string(), &[("idempotency-key", "k-1")]).await;
    room.pass(Duration::from_hours(24));
    assert_eq!(room.sweeper.sweep().await.unwrap(), Outcome::Swept(1));
    assert_eq!(room.sweeper.sweep().await.unwrap(), Outcome::Idle);
    assert_eq!(room.count("SELECT count(*) FROM idempotency").await, 0);
    room.close().await;
}

#[tokio::test]
async fn after_a_start_nothing_times_out_before_the_replies_could_be_read_at_most_one_deadline_longer() {
    let deadline = Duration::from_millis(700);
    let room = Room::open_with(OrderArgs { order_deadline: deadline, ..OrderArgs::default() }).await;
    let id = room.order().await;
    room.pass(deadline);
    let began = Instant::now();
    // There is no Kafka here: how far the replies are read stays unknown.
    let sweeping = tokio::spawn(room.sweeper.clone().run(room.state.shutdown.clone()));
    let answer = room.get(&format!("/orders/{id}?wait=decided&timeout=20s")).await;
    assert_eq!(answer.json()["reason"], "timed_out");
    assert!(began.elapsed() >= deadline, "swept after {:?}", began.elapsed());
    room.state.shutdown.cancel();
    sweeping.await.unwrap();
    room.close().await;
}
