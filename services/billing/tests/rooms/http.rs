//! What callers see.

use serde_json::json;

use crate::crossing::{Store, start};
use crate::support::{Database, eventually, order};

#[tokio::test]
async fn an_unknown_order_and_a_malformed_one_are_told_apart() {
    let store = Store::open().await;
    let order_id = order();
    for (path, status, kind, pointer) in [
        (format!("/payments/{order_id}"), 404, "not-found", None),
        ("/payments/7".to_owned(), 400, "bad-path", Some("/order_id")),
        ("/payments/%00".to_owned(), 400, "bad-path", Some("/order_id")),
        ("/payments/%ff".to_owned(), 400, "bad-path", Some("/order_id")),
        (format!("/payments/{order_id}?limit=1"), 400, "bad-query", Some("/limit")),
        ("/payments".to_owned(), 404, "not-found", None),
    ] {
        let (got, problem) = eventually(async || store.get(&path).await, |(got, _)| *got != 503).await;
        assert_eq!((got, &problem["status"]), (status, &json!(status)), "{path} {problem}");
        assert_eq!(problem["type"], format!("urn:counterflow:problem:{kind}"), "{path}");
        assert_eq!(problem["errors"][0]["pointer"].as_str(), pointer, "{path}");
        assert!(problem["trace_id"].as_str().is_some_and(|id| id.len() == 32), "{path}");
    }
    store.close().await;
}

#[tokio::test]
async fn nothing_can_be_changed_by_callers() {
    let store = Store::open().await;
    let url = format!("{}/payments/{}", store.billing.url(), order());
    let client = reqwest::Client::new();
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let response = client.request(method.parse().unwrap(), &url).send().await.unwrap();
        assert_eq!(response.status(), 405, "{method}");
        assert!(response.headers()["allow"].to_str().unwrap().contains("GET"), "{method}");
    }
    store.close().await;
}

#[tokio::test]
async fn the_document_names_every_route_and_every_status_of_a_payment() {
    let store = Store::open().await;
    let (status, document) = store.get("/openapi.json").await;
    assert_eq!(status, 200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in ["/payments/{order_id}", "/livez", "/readyz", "/metrics", "/openapi.json"] {
        assert!(document["paths"][path]["get"].is_object(), "{path}");
    }
    let parameters = &document["paths"]["/payments/{order_id}"]["get"]["parameters"];
    assert_eq!((&parameters[0]["name"], &parameters[0]["required"]), (&json!("order_id"), &json!(true)));
    let schemas = &document["components"]["schemas"];
    let known = ["pending", "authorized", "declined", "captured", "capture_failed", "voided", "refunded"];
    assert_eq!(schemas["PaymentStatus"]["enum"], json!(known));
    let required = ["order_id", "status", "amount", "attempts", "gateway_reference"];
    assert_eq!(schemas["PaymentView"]["required"], json!(required));
    store.close().await;
}

#[tokio::test]
async fn it_is_ready_and_degraded_while_kafka_is_away() {
    let store = Store::open().await;
    let known =
        |(status, report): &(u16, serde_json::Value)| *status == 200 && report["status"] == "degraded";
    let (_, report) = eventually(async || store.get("/readyz").await, known).await;
    for (name, wanted) in
        [("database", "ok"), ("migrations", "ok"), ("kafka_consumer", "degraded"), ("payment_gateway", "ok")]
    {
        assert_eq!(report["dependencies"][name]["status"], wanted, "{name} {report}");
    }
    store.close().await;
}

#[tokio::test]
async fn an_empty_database_is_migrated_at_start() {
    let store = Store::open_with(Database::create_empty().await).await;
    let path = format!("/payments/{}", order());
    eventually(async || store.get(&path).await.0, |status| *status == 404).await;
    store.close().await;
}

#[tokio::test]
async fn without_a_database_callers_are_told_to_come_back() {
    let mut database = Database::create().await;
    let url = std::mem::replace(&mut database.url, "postgres://billing:secret@127.0.0.1:1/billing".into());
    let billing = start(&database, "http://127.0.0.1:1").await;
    let begun = std::time::Instant::now();
    let response = reqwest::get(format!("{}/payments/{}", billing.url(), order())).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    assert!(begun.elapsed() < std::time::Duration::from_secs(3));
    billing.stop().await;
    database.url = url;
    database.drop_it().await;
}
