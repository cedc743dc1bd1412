use kernel::OrderId;
use serde_json::{Value, json};

use crate::samples::reply;
use crate::support::Room;

/// The order after replies, each the next of its topic.
async fn after(room: &Room, id: OrderId, replies: &[&str]) -> Value {
    let (mut stock, mut payment) = (0, 0);
    for name in replies {
        let number = if name.starts_with("Stock") { &mut stock } else { &mut payment };
        *number += 1;
        room.deliver(*number, &reply(name, id, room.now())).await;
    }
    room.see(id).await
}

fn standing(order: &Value) -> (Value, Value, Value, Value, Value) {
    let progress = &order["progress"];
    (
        order["status"].clone(),
        order["reason"].clone(),
        progress["stock"].clone(),
        progress["payment"].clone(),
        order["settled"].clone(),
    )
}

#[tokio::test]
async fn every_branch_of_the_saga_ends_as_the_table_says_and_publishes_it() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let (confirmed, cancelled) =
        (["OrderCreated", "OrderConfirmed"].as_slice(), ["OrderCreated", "OrderCancelled"].as_slice());
    let undone_late = ["OrderCreated", "OrderConfirmed", "OrderCancelled"].as_slice();
    for (replies, expected, published) in [
        (
            vec!["StockReserved", "PaymentAuthorized", "StockCommitted", "PaymentCaptured"],
            json!(["confirmed", null, "committed", "captured", true]),
            confirmed,
        ),
        (
            vec!["PaymentAuthorized", "StockReserved"],
            json!(["confirmed", null, "reserved", "authorized", false]),
            confirmed,
        ),
        (
            vec!["StockRejected", "PaymentAuthorized", "PaymentVoided"],
            json!(["cancelled", "out_of_stock", "rejected", "voided", true]),
            cancelled,
        ),
        (
            vec!["PaymentDeclined", "StockReserved", "StockReleased"],
            json!(["cancelled", "payment_declined", "released", "declined", true]),
            cancelled,
        ),
        (
            vec!["StockReserved", "PaymentAuthorized", "StockCommitted", "PaymentCaptureFailed"],
            json!(["cancelled", "capture_failed", "committed", "capture_failed", false]),
            undone_late,
        ),
        (
            vec![
                "StockReserved",
                "PaymentAuthorized",
                "PaymentCaptureFailed",
                "StockCommitted",
                "StockReleased",
                "PaymentVoided",
            ],
            json!(["cancelled", "capture_failed", "released", "voided", true]),
            undone_late,
        ),
    ] {
        let id = room.order_of(customer, "TEA").await;
        let (status, reason, stock, payment, settled) = standing(&after(&room, id, &replies).await);
        assert_eq!(json!([status, reason, stock, payment, settled]), expected, "{replies:?}");
        let names: Vec<String> = room.published(id).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, published, "{replies:?}");
    }
    room.close().await;
}

#[tokio::test]
async fn events_handled_twice_leave_the_same_rows_without_any_inbox() {
    let room = Room::open().await;
    let id = room.order().await;
    let names = ["StockReserved", "PaymentAuthorized", "StockCommitted", "PaymentCaptured"];
    let batch: Vec<_> = [(1, names[0]), (1, names[1]), (2, names[2]), (2, names[3])]
        .into_iter()
        .map(|(number, name)| (number, reply(name, id, room.now())))
        .collect();
    assert_eq!(room.deliver_all(&batch).await, [None; 4]);
    let rows = "SELECT (SELECT count(*) FROM order_changes) * 100 + (SELECT count(*) FROM messaging.outbox WHERE topic = 'orders')";
    let (seen, counted) = (room.see(id).await, room.count(rows).await);
    assert!(
        room.deliver_all(&batch).await.iter().all(Option::is_some),
        "each repeat is ignored for a reason"
    );
    assert_eq!((room.see(id).await, room.count(rows).await), (seen, counted));
    assert_eq!(counted, 602, "six changes, two events");
    room.close().await;
}

#[tokio::test]
async fn one_batch_may_touch_many_orders_and_products() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(room.order_of(customer, "TEA").await);
    }
    let batch: Vec<_> = ["StockReserved", "PaymentAuthorized"]
        .into_iter()
        .flat_map(|name| ids.iter().rev().map(move |id| (1, (name, *id))))
        .map(|(number, (name, id))| (number, reply(name, id, room.now())))
        .chain([(2, crate::samples::listed("TEA", 1, "EUR", room.now()))])
        .collect();
    assert!(room.deliver_all(&batch).await.iter().all(Option::is_none));
    for id in ids {
        assert_eq!(room.see(id).await["status"], "confirmed");
    }
    room.close().await;
}

#[tokio::test]
async fn a_reply_to_an_unknown_order_and_a_stock_receipt_are_ignored() {
    let room = Room::open().await;
    let stranger = OrderId(uuid::Uuid::from_u128(7));
    let receipt = events::StockReceived {
        receipt_id: kernel::ReceiptId(uuid::Uuid::from_u128(8)),
        sku: kernel::Sku::parse("TEA").unwrap(),
        quantity: kernel::StockQuantity::parse(1).unwrap(),
        received_at: room.now(),
    };
    let ignored =
        room.deliver_all(&[(1, reply("StockReserved", stranger, room.now())), (1, receipt.into())]).await;
    assert!(ignored.iter().all(Option::is_some));
    room.close().await;
}

#[tokio::test]
async fn the_confirmation_names_the_reply_that_caused_it() {
    let room = Room::open().await;
    let id = room.order().await;
    after(&room, id, &["StockReserved", "PaymentAuthorized"]).await;
    let linked = room
        .count("SELECT count(*) FROM messaging.outbox o JOIN order_changes c ON c.event_id = o.causation WHERE o.record LIKE '%OrderConfirmed'")
        .await;
    assert_eq!(linked, 1);
    let own = room
        .count("SELECT count(*) FROM messaging.outbox o JOIN order_changes c ON c.event_id = o.event_id")
        .await;
    assert_eq!(own, 2, "own events are changes under their own ids");
    room.close().await;
}
