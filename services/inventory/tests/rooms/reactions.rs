//! Each reaction of the saga's table, through the handler and the tables.

use serde_json::json;

use crate::room::Room;
use crate::told::Told;

fn rows(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|&(record, sequence)| (record.to_owned(), sequence)).collect()
}

#[tokio::test]
async fn an_order_is_reserved_then_sold() -> anyhow::Result<()> {
    let room = Room::open().await?;
    room.stock("TEA", 5).await;
    room.stock("CUP", 1).await;
    let order = Told::of(&[("TEA", 2), ("CUP", 1)]);
    room.hear(&[order.created(1)]).await?;
    assert_eq!((room.pieces("TEA").await, room.pieces("CUP").await), ([5, 2, 3], [1, 1, 0]));
    let reservation = room.get(&format!("/reservations/{}", order.order_id)).await.body;
    let lines = json!([{"sku": "TEA", "quantity": 2}, {"sku": "CUP", "quantity": 1}]);
    assert_eq!(reservation, json!({"order_id": order.order_id, "status": "reserved", "lines": lines}));
    room.hear(&[order.confirmed(2)]).await?;
    assert_eq!(room.status(order.order_id).await, "committed");
    assert_eq!((room.pieces("TEA").await, room.pieces("CUP").await), ([3, 0, 3], [0, 0, 0]));
    assert_eq!(room.unsent_of(order.order_id).await, rows(&[("StockReserved", 1), ("StockCommitted", 2)]));
    room.close().await
}

#[tokio::test]
async fn an_order_that_cannot_have_all_gets_nothing() -> anyhow::Result<()> {
    let room = Room::open().await?;
    room.stock("TEA", 5).await;
    let order = Told::of(&[("TEA", 2), ("NEVER-LISTED", 1)]);
    room.hear(&[order.created(1)]).await?;
    assert_eq!(room.pieces("TEA").await, [5, 0, 5]);
    let reservation = room.get(&format!("/reservations/{}", order.order_id)).await.body;
    assert_eq!(reservation, json!({"order_id": order.order_id, "status": "rejected", "lines": []}));
    room.hear(&[order.cancelled(2)]).await?;
    assert_eq!(room.status(order.order_id).await, "rejected");
    assert_eq!(room.unsent_of(order.order_id).await, rows(&[("StockRejected", 1)]));
    room.close().await
}

#[tokio::test]
async fn a_cancelled_order_gives_back_what_was_reserved_or_sold() -> anyhow::Result<()> {
    let room = Room::open().await?;
    room.stock("TEA", 5).await;
    let (pending, sold) = (Told::of(&[("TEA", 2)]), Told::of(&[("TEA", 3)]));
    room.hear(&[pending.created(1), sold.created(1), sold.confirmed(2)]).await?;
    assert_eq!(room.pieces("TEA").await, [2, 2, 0]);
    room.hear(&[sold.cancelled(3)]).await?;
    assert_eq!(room.pieces("TEA").await, [5, 2, 3]);
    room.hear(&[pending.cancelled(2)]).await?;
    assert_eq!(room.pieces("TEA").await, [5, 0, 5]);
    assert_eq!(
        (room.status(pending.order_id).await, room.status(sold.order_id).await),
        ("released".into(), "released".into())
    );
    assert_eq!(room.unsent_of(pending.order_id).await, rows(&[("StockReserved", 1), ("StockReleased", 2)]));
    let of_sold = rows(&[("StockReserved", 1), ("StockCommitted", 2), ("StockReleased", 3)]);
    assert_eq!(room.unsent_of(sold.order_id).await, of_sold);
    room.close().await
}

#[tokio::test]
async fn an_order_cancelled_before_it_was_known_is_answered_and_ignored_later() -> anyhow::Result<()> {
    let room = Room::open().await?;
    room.stock("TEA", 5).await;
    let order = Told::of(&[("TEA", 2)]);
    room.hear(&[order.cancelled(2)]).await?;
    room.hear(&[order.created(1)]).await?;
    // A record without a number is judged by the state alone.
    room.hear(&[order.created(0)]).await?;
    assert_eq!(room.pieces("TEA").await, [5, 0, 5]);
    assert_eq!(room.unsent_of(order.order_id).await, rows(&[("StockReleased", 1)]));
    let reservation = room.get(&format!("/reservations/{}", order.order_id)).await.body;
    assert_eq!(reservation, json!({"order_id": order.order_id, "status": "released", "lines": []}));
    room.close().await
}

#[tokio::test]
async fn every_event_heard_again_without_the_inbox_changes_nothing() -> anyhow::Result<()> {
    let room = Room::open().await?;
    room.stock("TEA", 5).await;
    let order = Told::of(&[("TEA", 2)]);
    let story = [order.created(1), order.confirmed(2), order.cancelled(3)];
    for (heard, event) in story.iter().enumerate() {
        room.hear(std::slice::from_ref(event)).await?;
        let (pieces, unsent) = (room.pieces("TEA").await, room.unsent().await);
        for earlier in &story[..=heard] {
            let mut unnumbered = earlier.clone();
            unnumbered.metadata.sequence = 0;
            room.hear(&[earlier.clone(), unnumbered]).await?;
        }
        assert_eq!((room.pieces("TEA").await, room.unsent().await), (pieces, unsent));
    }
    let row = "SELECT sequence, seen FROM reservations";
    let numbers: (i64, i64) = sqlx::query_as(row).fetch_one(&room.pool).await?;
    assert_eq!(numbers, (3, 3));
    room.close().await
}

#[tokio::test]
async fn a_whole_story_fits_in_one_batch() -> anyhow::Result<()> {
    let room = Room::open().await?;
    room.stock("TEA", 1).await;
    let orders: Vec<Told> = (0..50).map(|_| Told::of(&[("TEA", 1)])).collect();
    let mut batch = Vec::new();
    for order in &orders {
        batch.extend([order.created(1), order.cancelled(2)]);
    }
    let last = Told::of(&[("TEA", 1)]);
    batch.extend([last.created(1), last.created(1), last.confirmed(2)]);
    room.hear(&batch).await?;
    assert_eq!(room.pieces("TEA").await, [0, 0, 0]);
    for order in &orders {
        assert_eq!(room.unsent_of(order.order_id).await, rows(&[("StockReserved", 1), ("StockReleased", 2)]));
    }
    assert_eq!(room.status(last.order_id).await, "committed");
    room.close().await
}

#[tokio::test]
async fn confirming_what_was_never_reserved_is_refused_and_leaves_no_trace() -> anyhow::Result<()> {
    let room = Room::open().await?;
    let order = Told::of(&[("TEA", 1)]);
    let refused = room.hear(&[order.confirmed(1)]).await.unwrap_err();
    assert!(refused.to_string().contains("is pending, not reserved"), "{refused}");
    assert_eq!(room.get(&format!("/reservations/{}", order.order_id)).await.status, 404);
    assert!(room.unsent().await.is_empty());
    room.close().await
}

#[tokio::test]
async fn a_row_nobody_wrote_is_an_error_that_names_it() -> anyhow::Result<()> {
    let room = Room::open().await?;
    room.stock("TEA", 1).await;
    let order = Told::of(&[("TEA", 1)]);
    room.hear(&[order.created(1)]).await?;
    sqlx::query("UPDATE reservations SET lines = '[{\"sku\": \"a b\", \"quantity\": 1}]'")
        .execute(&room.pool)
        .await?;
    let error = room.hear(&[order.confirmed(2)]).await.unwrap_err();
    assert!(format!("{error:#}").contains("load reservations"), "{error:#}");
    assert_eq!(room.get(&format!("/reservations/{}", order.order_id)).await.status, 500);
    room.close().await
}

#[tokio::test]
async fn the_database_itself_refuses_to_oversell() -> anyhow::Result<()> {
    let room = Room::open().await?;
    room.stock("TEA", 1).await;
    for change in ["reserved = 2", "reserved = -1", "on_hand = -1"] {
        let statement = sqlx::AssertSqlSafe(format!("UPDATE stock SET {change}"));
        let error = sqlx::query(statement).execute(&room.pool).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().constraint(), Some("stock_never_oversold"));
    }
    room.close().await
}
