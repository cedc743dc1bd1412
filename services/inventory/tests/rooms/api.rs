//! Products, receipts, and what is refused.

use axum::body::Body;
use axum::http::{Method, Request, header};
use kernel::clock::{Ids as _, SystemIds};
use serde_json::{Value, json};

use crate::room::{Answer, Room};

fn product(name: &str, amount_minor: i64) -> Value {
    json!({"name": name, "unit_price": {"amount_minor": amount_minor, "currency": "EUR"}})
}

fn check_problem(answer: &Answer, status: u16, pointer: Option<&str>, what: &str) {
    assert_eq!(answer.status.as_u16(), status, "{what}: {answer:?}");
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{what}");
    assert_eq!(answer.body["status"], json!(status), "{what}");
    for field in ["type", "title", "detail", "trace_id"] {
        assert!(answer.body[field].is_string(), "{what}: {field}");
    }
    if let Some(pointer) = pointer {
        assert_eq!(answer.body["errors"][0]["pointer"], json!(pointer), "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn a_product_is_201_when_new_and_200_after() -> anyhow::Result<()> {
    let room = Room::open().await?;
    let first = room.put("/products/TEA-1._x", product("Earl Grey", 1299)).await;
    let view = json!({"sku": "TEA-1._x", "name": "Earl Grey", "unit_price": {"amount_minor": 1299, "currency": "EUR"}});
    assert_eq!((first.status.as_u16(), &first.body), (201, &view));
    let same = room.put("/products/TEA-1._x", product("Earl Grey", 1299)).await;
    assert_eq!((same.status.as_u16(), &same.body), (200, &view));
    let other = room.put("/products/TEA-1._x", product("Lady Grey", 0)).await;
    assert_eq!((other.status.as_u16(), &other.body["name"]), (200, &json!("Lady Grey")));
    let listed = |sequence| {
        (
            "products".to_owned(),
            "TEA-1._x".to_owned(),
            "counterflow.products.ProductListed".to_owned(),
            sequence,
        )
    };
    assert_eq!(room.unsent().await, [listed(1), listed(2)]);
    assert_eq!(room.get("/stock/TEA-1._x").await.body["name"], json!("Lady Grey"));
    room.close().await
}

#[tokio::test]
async fn a_product_that_breaks_a_rule_is_422_naming_the_field_and_nothing_is_stored() -> anyhow::Result<()> {
    let room = Room::open().await?;
    let with_price = |price: Value| json!({"name": "Tea", "unit_price": price});
    for (body, pointer) in [
        (product("", 1), "/name"),
        (product(&"x".repeat(201), 1), "/name"),
        (product("a\u{0}b", 1), "/name"),
        (product("Tea", -1), "/unit_price/amount_minor"),
        (
            with_price(json!({"amount_minor": 9_223_372_036_854_775_808_u64, "currency": "EUR"})),
            "/unit_price/amount_minor",
        ),
        (with_price(json!({"amount_minor": 1.5, "currency": "EUR"})), "/unit_price/amount_minor"),
        (with_price(json!({"amount_minor": 1, "currency": "eur"})), "/unit_price/currency"),
        (with_price(json!({"amount_minor": 1})), "/unit_price/currency"),
        (with_price(json!({"amount_minor": 1, "currency": "EUR", "vat": 7})), "/unit_price/vat"),
        (with_price(Value::Null), "/unit_price"),
        (json!({"name": "Tea"}), "/unit_price"),
        (json!({"name": 7, "unit_price": {"amount_minor": 1, "currency": "EUR"}}), "/name"),
        (
            json!({"name": "Tea", "unit_price": {"amount_minor": 1, "currency": "EUR"}, "colour": "red"}),
            "/colour",
        ),
    ] {
        let answer = room.put("/products/TEA", body.clone()).await;
        check_problem(&answer, 422, Some(pointer), &body.to_string());
    }
    assert_eq!(room.get("/stock").await.body["items"], json!([]));
    assert!(room.unsent().await.is_empty());
    let largest = room.put("/products/TEA", product(&"ä".repeat(200), i64::MAX)).await;
    assert_eq!(largest.status, 201);
    room.close().await
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_refused_as_what_it_is() -> anyhow::Result<()> {
    let room = Room::open().await?;
    let long_sku = format!("/products/{}", "x".repeat(65));
    for path in ["/products/a%20b", "/products/%C3%A4", "/products/%00", long_sku.as_str()] {
        check_problem(&room.put(path, product("Tea", 1)).await, 400, Some("/sku"), path);
    }
    check_problem(
        &room.send_json(Method::PUT, "/products/TEA", "{\"name\":").await,
        400,
        None,
        "broken JSON",
    );
    check_problem(
        &room.send_json(Method::PUT, "/products/TEA", "[".repeat(1_000)).await,
        400,
        None,
        "deep JSON",
    );
    check_problem(
        &room.send_json(Method::PUT, "/products/TEA", " ".repeat(70_000)).await,
        413,
        None,
        "large",
    );
    let plain =
        Request::put("/products/TEA").header(header::CONTENT_TYPE, "text/plain").body(Body::from("{}"))?;
    check_problem(&room.send(plain).await, 415, None, "text/plain");
    let deleted = room.send_json(Method::DELETE, "/products/TEA", "").await;
    check_problem(&deleted, 405, None, "DELETE");
    assert_eq!(deleted.headers[header::ALLOW], "PUT");
    check_problem(&room.get("/nothing").await, 404, None, "no route");
    check_problem(&room.get("/reservations/7").await, 400, Some("/order_id"), "bad order id");
    let unknown = format!("/reservations/{}", SystemIds.next());
    check_problem(&room.get(&unknown).await, 404, None, "unknown order");
    room.close().await
}

#[tokio::test]
async fn a_receipt_is_booked_once_and_seen_at_once() -> anyhow::Result<()> {
    let room = Room::open().await?;
    room.put("/products/TEA", product("Tea", 1)).await;
    room.put("/products/CUP", product("Cup", 1)).await;
    let receipt_id = SystemIds.next();
    let receipt = json!({"receipt_id": receipt_id, "quantity": 500});
    let first = room.post("/stock/TEA/receipts", receipt.clone()).await;
    assert_eq!(first.status, 201);
    assert_eq!(room.pieces("TEA").await, [500, 0, 500]);
    assert_eq!((&first.body["receipt_id"], &first.body["quantity"]), (&json!(receipt_id), &json!(500)));
    let again = room.post("/stock/TEA/receipts", receipt.clone()).await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &first.body));
    let other = room.post("/stock/TEA/receipts", json!({"receipt_id": receipt_id, "quantity": 501})).await;
    check_problem(&other, 409, None, "other quantity");
    check_problem(&room.post("/stock/CUP/receipts", receipt.clone()).await, 409, None, "other sku");
    check_problem(&room.post("/stock/MUG/receipts", receipt).await, 404, None, "unknown sku");
    assert_eq!((room.pieces("TEA").await, room.pieces("CUP").await), ([500, 0, 500], [0, 0, 0]));
    let received: Vec<_> = room.unsent().await.into_iter().filter(|row| row.0 == "inventory").collect();
    let record = "counterflow.inventory.StockReceived".to_owned();
    assert_eq!(received, [("inventory".to_owned(), "TEA".to_owned(), record, 1)]);
    room.close().await
}

#[tokio::test]
async fn a_receipt_that_breaks_a_rule_is_422_naming_the_field() -> anyhow::Result<()> {
    let room = Room::open().await?;
    room.put("/products/TEA", product("Tea", 1)).await;
    let id = SystemIds.next();
    for (body, pointer) in [
        (json!({"receipt_id": id, "quantity": 0}), "/quantity"),
        (json!({"receipt_id": id, "quantity": 1_000_000_001}), "/quantity"),
        (json!({"receipt_id": id, "quantity": -1}), "/quantity"),
        (json!({"receipt_id": id, "quantity": "1"}), "/quantity"),
        (json!({"receipt_id": id}), "/quantity"),
        (json!({"receipt_id": "7", "quantity": 1}), "/receipt_id"),
        (json!({"quantity": 1}), "/receipt_id"),
        (json!({"receipt_id": id, "quantity": 1, "note": ""}), "/note"),
    ] {
        check_problem(
            &room.post("/stock/TEA/receipts", body.clone()).await,
            422,
            Some(pointer),
            &body.to_string(),
        );
    }
    assert_eq!(room.pieces("TEA").await, [0, 0, 0]);
    let largest =
        room.post("/stock/TEA/receipts", json!({"receipt_id": id, "quantity": 1_000_000_000})).await;
    assert_eq!(largest.status, 201);
    room.close().await
}

#[tokio::test]
async fn the_document_describes_every_route() -> anyhow::Result<()> {
    let room = Room::open().await?;
    let document = room.get("/openapi.json").await.body;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, method) in [
        ("/products/{sku}", "put"),
        ("/stock", "get"),
        ("/stock/{sku}", "get"),
        ("/stock/{sku}/receipts", "post"),
        ("/reservations/{order_id}", "get"),
    ] {
        assert!(document["paths"][path][method]["responses"].is_object(), "{method} {path}");
    }
    room.close().await
}
