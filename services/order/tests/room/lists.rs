use axum::http::StatusCode;
use kernel::OrderId;
use serde_json::Value;

use crate::samples::reply;
use crate::support::Room;

fn ids(page: &Value) -> Vec<OrderId> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["order_id"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn orders_are_listed_newest_first_page_by_page_while_others_are_placed() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(room.order_of(customer, "TEA").await);
    }
    expected.reverse();
    let mut seen = Vec::new();
    let mut next = Some("/orders?limit=2".to_owned());
    while let Some(path) = next.take() {
        let page = room.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        seen.extend(ids(&page.json()));
        room.order_of(customer, "TEA").await;
        let link = page.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
        assert_eq!(link.is_some(), page.json()["next_cursor"].is_string());
        next = link.map(|link| link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned());
    }
    assert_eq!(seen, expected);
    room.close().await;
}

#[tokio::test]
async fn orders_are_filtered_by_customer_and_status() {
    let room = Room::open().await;
    let (ada, bob) = (room.customer().await, room.customer().await);
    room.product("TEA", 350, "EUR").await;
    let (first, second, third) =
        (room.order_of(ada, "TEA").await, room.order_of(bob, "TEA").await, room.order_of(ada, "TEA").await);
    room.cancel(third).await;
    room.deliver(1, &reply("StockReserved", second, room.now())).await;
    room.deliver(1, &reply("PaymentAuthorized", second, room.now())).await;
    for (query, expected) in [
        (String::new(), vec![third, second, first]),
        (format!("?customer_id={ada}"), vec![third, first]),
        (format!("?customer_id={ada}&status=pending"), vec![first]),
        ("?status=cancelled".to_owned(), vec![third]),
        ("?status=confirmed".to_owned(), vec![second]),
        (format!("?customer_id={}", uuid::Uuid::from_u128(5)), vec![]),
    ] {
        assert_eq!(ids(&room.get(&format!("/orders{query}")).await.json()), expected, "{query}");
    }
    room.close().await;
}

#[tokio::test]
async fn a_query_that_is_wrong_is_400_naming_it() {
    let room = Room::open().await;
    for (path, pointer) in [
        ("/orders?status=lost", "/status"),
        ("/orders?customer_id=x", "/customer_id"),
        ("/orders?limit=0", "/limit"),
        ("/orders?limit=101", "/limit"),
        ("/orders?cursor=%00", "/cursor"),
        ("/orders?cursor=eA", "/cursor"),
        ("/orders?colour=red", "/colour"),
        ("/products?limit=x", "/limit"),
        ("/products?cursor=nonsense!", "/cursor"),
        ("/products?sku=TEA", "/sku"),
    ] {
        let answer = room.get(path).await;
        assert_eq!(
            (answer.status, answer.problem().1),
            (StatusCode::BAD_REQUEST, vec![pointer.to_owned()]),
            "{path}"
        );
    }
    room.close().await;
}

#[tokio::test]
async fn products_are_listed_page_by_page() {
    let room = Room::open().await;
    for sku in ["B", "a", "A", "b"] {
        room.product(sku, 1, "EUR").await;
    }
    let first = room.get("/products?limit=3").await.json();
    let skus = |page: &Value| -> Vec<String> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["sku"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(skus(&first), ["A", "B", "a"]);
    let rest = room
        .get(&format!("/products?limit=3&cursor={}", first["next_cursor"].as_str().unwrap()))
        .await
        .json();
    assert_eq!((skus(&rest), rest["next_cursor"].clone()), (vec!["b".to_owned()], Value::Null));
    room.close().await;
}
