use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::samples::reply;
use crate::support::Room;

#[tokio::test]
async fn the_history_of_an_order_is_each_of_its_changes_with_the_event_that_made_it() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let id = room.order_of(customer, "TEA").await;
    room.deliver(1, &reply("StockReserved", id, room.now())).await;
    room.deliver(1, &reply("PaymentDeclined", id, room.now())).await;
    let page = room.get(&format!("/orders/{id}/history")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let told = page.json();
    let items = told["items"].as_array().unwrap();
    let standing = |item: &Value| {
        let progress = &item["progress"];
        json!([
            item["number"],
            item["status"],
            item["reason"],
            progress["stock"],
            progress["payment"],
            item["settled"]
        ])
    };
    assert_eq!(
        items.iter().map(standing).collect::<Vec<_>>(),
        [
            json!([1, "pending", null, "pending", "pending", false]),
            json!([2, "pending", null, "reserved", "pending", false]),
            json!([3, "pending", null, "reserved", "declined", false]),
            json!([4, "cancelled", "payment_declined", "reserved", "declined", false]),
        ]
    );
    let mut ids: Vec<&str> = items.iter().map(|item| item["event_id"].as_str().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each change has an event of its own");
    assert_eq!(items[3]["updated_at"], room.see(id).await["updated_at"]);
    room.close().await;
}

#[tokio::test]
async fn a_history_is_told_page_by_page_and_of_an_unknown_order_not_at_all() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let id = room.order_of(customer, "TEA").await;
    room.deliver(1, &reply("StockReserved", id, room.now())).await;
    room.deliver(1, &reply("PaymentAuthorized", id, room.now())).await;
    let (mut numbers, mut next) = (Vec::new(), Some(format!("/orders/{id}/history?limit=1")));
    while let Some(path) = next.take() {
        let page = room.get(&path).await;
        numbers.extend(page.json()["items"].as_array().unwrap().iter().map(|item| item["number"].clone()));
        let link = page.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
        next = link.map(|link| link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned());
    }
    assert_eq!(numbers, [1, 2, 3, 4].map(Value::from));
    let nobody = uuid::Uuid::from_u128(5);
    assert_eq!(room.get(&format!("/orders/{nobody}/history")).await.status, StatusCode::NOT_FOUND);
    for (query, pointer) in [("limit=0", "/limit"), ("cursor=LTE", "/cursor"), ("status=pending", "/status")]
    {
        let answer = room.get(&format!("/orders/{id}/history?{query}")).await;
        assert_eq!(
            (answer.status, answer.problem().1),
            (StatusCode::BAD_REQUEST, vec![pointer.to_owned()]),
            "{query}"
        );
    }
    room.close().await;
}
