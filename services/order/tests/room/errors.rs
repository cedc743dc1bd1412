use std::time::{Duration, Instant};

use axum::http::StatusCode;
use order::config::{Config, OrderArgs};
use serde_json::Value;
use service_kit::config::{CorsArgs, DatabaseArgs, HttpArgs, TelemetryArgs};
use tokio_util::sync::CancellationToken;

use crate::support::Room;

#[tokio::test]
async fn ids_that_cannot_be_read_are_400_and_unknown_ones_404() {
    let room = Room::open().await;
    for (path, status) in [
        ("/orders/7", StatusCode::BAD_REQUEST),
        ("/orders/%00", StatusCode::BAD_REQUEST),
        ("/orders/00000000-0000-7000-8000-000000000001", StatusCode::NOT_FOUND),
        ("/orders/7/events", StatusCode::BAD_REQUEST),
        ("/customers/ada", StatusCode::BAD_REQUEST),
        ("/customers/00000000-0000-7000-8000-000000000001", StatusCode::NOT_FOUND),
        ("/products/T%20A", StatusCode::BAD_REQUEST),
        ("/products/NIL", StatusCode::NOT_FOUND),
        ("/nowhere", StatusCode::NOT_FOUND),
    ] {
        let answer = room.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        answer.problem();
    }
    assert_eq!(room.delete("/orders").await.status, StatusCode::METHOD_NOT_ALLOWED);
    room.close().await;
}

#[tokio::test]
async fn the_document_names_every_route_and_is_3_1() {
    let room = Room::open().await;
    let document = room.get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, methods) in [
        ("/customers/{id}", vec!["put", "get", "delete"]),
        ("/products", vec!["get"]),
        ("/products/{sku}", vec!["get"]),
        ("/orders", vec!["post", "get"]),
        ("/orders/{id}", vec!["get"]),
        ("/orders/{id}/cancel", vec!["post"]),
        ("/orders/{id}/events", vec!["get"]),
    ] {
        for method in methods {
            assert!(document["paths"][path][method].is_object(), "{method} {path}");
        }
    }
    assert_references(&document, &document);
    room.close().await;
}

/// Every `$ref` leads somewhere.
fn assert_references(document: &Value, part: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            members.values().for_each(|member| assert_references(document, member));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_references(document, item)),
        _ => {}
    }
}

#[tokio::test]
async fn without_its_database_the_service_runs_and_says_503_within_two_seconds() {
    let config = Config {
        http: HttpArgs::loopback(0),
        cors: CorsArgs::default(),
        database: DatabaseArgs::at("postgres://nobody:nothing@127.0.0.1:1/nowhere"),
        telemetry: TelemetryArgs::default(),
        messaging: messaging::Settings::new("127.0.0.1:1", "http://127.0.0.1:1"),
        orders: OrderArgs::default(),
    };
    let running = order::app::start(config, CancellationToken::new()).await.unwrap();
    let url = running.url();
    assert_eq!(reqwest::get(format!("{url}/livez")).await.unwrap().status(), 200);
    assert_eq!(reqwest::get(format!("{url}/readyz")).await.unwrap().status(), 503);
    let id = "00000000-0000-7000-8000-000000000001";
    for path in [
        format!("/orders/{id}"),
        format!("/orders/{id}?wait=decided"),
        "/products".to_owned(),
        format!("/orders/{id}/events"),
    ] {
        let began = Instant::now();
        let answer = reqwest::get(format!("{url}{path}")).await.unwrap();
        assert_eq!(answer.status(), 503, "{path}");
        assert!(answer.headers().contains_key("retry-after"), "{path}");
        assert!(began.elapsed() < Duration::from_secs(2), "{path} took {:?}", began.elapsed());
    }
    let began = Instant::now();
    running.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "stopped within {:?}", began.elapsed());
}
