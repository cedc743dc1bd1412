use axum::http::StatusCode;
use serde_json::json;

use crate::samples::listed;
use crate::support::Room;

#[tokio::test]
async fn products_are_shown_by_sku_as_they_were_last_listed() {
    let room = Room::open().await;
    assert_eq!(room.get("/products/TEA").await.status, StatusCode::NOT_FOUND);
    let now = room.now();
    let batch = [
        (1, listed("TEA", 350, "EUR", now)),
        (1, listed("MUG", 900, "EUR", now)),
        (4, listed("TEA", 360, "EUR", now)),
    ];
    room.deliver_all(&batch).await;
    assert_eq!(
        room.get("/products/TEA").await.json(),
        json!({"sku": "TEA", "name": "The TEA", "unit_price": {"amount_minor": 360, "currency": "EUR"}})
    );
    let list = room.get("/products").await.json();
    let skus: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| item["sku"].clone()).collect();
    assert_eq!((skus, list["next_cursor"].clone()), (vec![json!("MUG"), json!("TEA")], json!(null)));
    room.close().await;
}

#[tokio::test]
async fn a_listing_that_comes_again_or_late_changes_no_price() {
    let room = Room::open().await;
    room.deliver(2, &listed("TEA", 360, "EUR", room.now())).await;
    for (number, amount) in [(2, 360), (1, 1)] {
        let ignored = room.deliver_all(&[(number, listed("TEA", amount, "EUR", room.now()))]).await;
        assert!(ignored[0].is_some());
    }
    assert_eq!(room.get("/products/TEA").await.json()["unit_price"]["amount_minor"], 360);
    room.close().await;
}
