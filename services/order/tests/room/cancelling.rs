use std::time::Duration;

use axum::http::StatusCode;
use kernel::OrderId;

use crate::samples::reply;
use crate::support::Room;

async fn confirm(room: &Room, id: OrderId) {
    for name in ["StockReserved", "PaymentAuthorized"] {
        room.deliver(1, &reply(name, id, room.now())).await;
    }
}

#[tokio::test]
async fn a_pending_order_is_cancelled_in_the_answer_and_again_changes_nothing() {
    let room = Room::open().await;
    let id = room.order().await;
    let first = room.cancel(id).await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(
        (first.json()["status"].as_str(), first.json()["reason"].as_str()),
        (Some("cancelled"), Some("customer_request"))
    );
    assert_eq!(first.json(), room.see(id).await);
    let again = room.cancel(id).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, first.json()));
    assert_eq!(room.published(id).await, [("OrderCreated".to_owned(), 1), ("OrderCancelled".to_owned(), 2)]);
    room.close().await;
}

#[tokio::test]
async fn a_settled_confirmed_order_is_reopened_until_refund_and_stock_answered() {
    let room = Room::open().await;
    let id = room.order().await;
    confirm(&room, id).await;
    for name in ["StockCommitted", "PaymentCaptured"] {
        room.deliver(2, &reply(name, id, room.now())).await;
    }
    assert_eq!(room.see(id).await["settled"], true);
    room.pass(Duration::from_hours(24));
    let cancelled = room.cancel(id).await;
    assert_eq!((cancelled.status, cancelled.json()["settled"].as_bool()), (StatusCode::OK, Some(false)));
    room.deliver(3, &reply("StockReleased", id, room.now())).await;
    assert_eq!(room.see(id).await["settled"], false);
    room.deliver(3, &reply("PaymentRefunded", id, room.now())).await;
    assert_eq!(room.see(id).await["settled"], true);
    room.close().await;
}

#[tokio::test]
async fn a_confirmed_order_past_its_window_is_409_and_stays() {
    let room = Room::open().await;
    let id = room.order().await;
    confirm(&room, id).await;
    room.pass(Duration::from_hours(24) + Duration::from_micros(1));
    let answer = room.cancel(id).await;
    assert_eq!(
        (answer.status, answer.problem().0),
        (StatusCode::CONFLICT, "past-cancellation-window".to_owned())
    );
    assert_eq!(room.see(id).await["status"], "confirmed");
    room.close().await;
}

#[tokio::test]
async fn an_order_cancelled_for_another_reason_is_200_as_it_is() {
    let room = Room::open().await;
    let id = room.order().await;
    room.deliver(1, &reply("StockRejected", id, room.now())).await;
    let answer = room.cancel(id).await;
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (StatusCode::OK, Some("out_of_stock")));
    room.close().await;
}

#[tokio::test]
async fn a_cancellation_and_a_confirmation_that_race_are_decided_one_after_the_other() {
    let room = Room::open().await;
    for _ in 0..10 {
        let id = room.order().await;
        room.deliver(1, &reply("StockReserved", id, room.now())).await;
        let authorized = reply("PaymentAuthorized", id, room.now());
        let (answer, ()) = tokio::join!(room.cancel(id), room.deliver(1, &authorized));
        assert_eq!(answer.status, StatusCode::OK);
        let names: Vec<String> = room.published(id).await.into_iter().map(|(name, _)| name).collect();
        let confirmed_first = ["OrderCreated", "OrderConfirmed", "OrderCancelled"];
        assert!(names == confirmed_first || names == ["OrderCreated", "OrderCancelled"], "{names:?}");
        assert_eq!(room.see(id).await["progress"]["payment"], "authorized");
    }
    room.close().await;
}

#[tokio::test]
async fn an_unknown_order_is_404_and_a_bad_id_400() {
    let room = Room::open().await;
    assert_eq!(room.cancel(OrderId(uuid::Uuid::from_u128(1))).await.status, StatusCode::NOT_FOUND);
    assert_eq!(room.post("/orders/7/cancel", "", &[]).await.status, StatusCode::BAD_REQUEST);
    room.close().await;
}
