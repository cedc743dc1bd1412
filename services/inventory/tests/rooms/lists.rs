//! `GET /stock`.

use axum::http::header;
use serde_json::{Value, json};

use crate::room::Room;

fn skus(body: &Value) -> Vec<String> {
    body["items"].as_array().unwrap().iter().map(|item| item["sku"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn stock_is_listed_by_sku_page_by_page_while_products_are_added() -> anyhow::Result<()> {
    let room = Room::open().await?;
    for sku in ["b", "B", "a-1", "Z", "_", "a.1", "0"] {
        room.stock(sku, 3).await;
    }
    let first = room.get("/stock?limit=3").await;
    assert_eq!(skus(&first.body), ["0", "B", "Z"]);
    let link = first.headers[header::LINK].to_str()?;
    let next = link.split(['<', '>']).nth(1).unwrap().to_owned();
    assert!(
        link.ends_with("rel=\"next\"") && next.contains(first.body["next_cursor"].as_str().unwrap()),
        "{link}"
    );
    room.stock("A", 1).await;
    room.stock("c", 1).await;
    let second = room.get(&next).await;
    assert_eq!(skus(&second.body), ["_", "a-1", "a.1"]);
    let cursor = second.body["next_cursor"].as_str().unwrap();
    let third = room.get(&format!("/stock?cursor={cursor}")).await;
    assert_eq!(skus(&third.body), ["b", "c"]);
    assert_eq!(third.body["next_cursor"], Value::Null);
    assert!(third.headers.get(header::LINK).is_none());
    room.close().await
}

#[tokio::test]
async fn a_listed_product_without_stock_has_zeros_and_an_unknown_one_is_404() -> anyhow::Result<()> {
    let room = Room::open().await?;
    let price = json!({"amount_minor": 5, "currency": "EUR"});
    room.put("/products/TEA", json!({"name": "Earl Grey", "unit_price": price})).await;
    let zeros = json!({"sku": "TEA", "name": "Earl Grey", "on_hand": 0, "reserved": 0, "available": 0});
    assert_eq!(room.get("/stock/TEA").await.body, zeros);
    assert_eq!(room.get("/stock").await.body, json!({"items": [zeros], "next_cursor": null}));
    assert_eq!(room.get("/stock/CUP").await.status, 404);
    assert_eq!(room.get("/stock/a%20b").await.status, 400);
    room.close().await
}

#[tokio::test]
async fn a_bad_query_is_400_naming_the_parameter() -> anyhow::Result<()> {
    let room = Room::open().await?;
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=ten", "/limit"),
        ("cursor=%00", "/cursor"),
        ("cursor=bm90IGpzb24", "/cursor"),
        ("cursor=IgAi", "/cursor"),
        ("colour=red", "/colour"),
    ] {
        let answer = room.get(&format!("/stock?{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
            (400, &json!(pointer)),
            "{query}"
        );
    }
    room.close().await
}
