//! Each sentence about the HTTP API, black box.

use reqwest::StatusCode;
use serde_json::Value;
use service_kit::config::DatabaseArgs;

use crate::room::{Room, line, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_span_takes_the_hours_that_begin_in_it() {
    let room = Room::open().await;
    for (number, hour) in [(1, 8), (2, 9), (3, 10)] {
        let when = format!("2026-03-14T{hour:02}:30:00Z");
        room.sell(number, vec![line("cup", 1, 100, "EUR")], &when, &when).await;
    }
    for list in ["/sales", "/conversion", "/sales?sku=cup"] {
        let join = if list.contains('?') { '&' } else { '?' };
        let hours = async |query: &str| -> Vec<String> {
            let items = room.items(&format!("{list}{join}{query}")).await;
            items.iter().map(|item| item["hour"].as_str().unwrap()[11..13].to_owned()).collect()
        };
        assert_eq!(hours("from=2026-03-14T09:00:00Z").await, ["09", "10"], "{list}");
        assert_eq!(hours("from=2026-03-14T09:00:00.000001Z").await, ["10"], "{list}");
        assert_eq!(hours("to=2026-03-14T09:00:00Z").await, ["08"], "{list}");
        let berlin = "from=2026-03-14T10:00:00%2B01:00&to=2026-03-14T11:00:00%2B01:00";
        assert_eq!(hours(berlin).await, ["09"], "{list}");
        assert_eq!(hours("from=2026-03-14T09:00:00Z&to=2026-03-14T09:00:00Z").await, [""; 0], "{list}");
        assert_eq!(hours("from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z").await.len(), 3, "{list}");
    }
    assert!(room.items("/sales?sku=nothing").await.is_empty());
    room.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_walked_in_pages_without_a_row_twice_or_skipped() {
    let room = Room::open().await;
    let when = |hour: u128| format!("2026-03-14T{hour:02}:00:00Z");
    for number in 0..24 {
        let lines = vec![line("cup", 1, 1, "EUR"), line("pot", 1, 1, "EUR")];
        room.sell(number + 1, lines, &when(number), &when(number)).await;
    }
    assert_eq!(room.items("/sales").await.len(), 20);
    for (list, count) in [("/sales?", 48), ("/sales?sku=cup&", 24), ("/conversion?", 24)] {
        let whole = room.items(&format!("{list}limit=100")).await;
        assert_eq!(whole.len(), count, "{list}");
        let (mut walked, mut path) = (Vec::<Value>::new(), format!("{list}limit=7"));
        loop {
            let answer = reqwest::get(format!("{}{path}", room.running.url())).await.unwrap();
            let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
            let page: Value = answer.json().await.unwrap();
            walked.extend(page["items"].as_array().unwrap().iter().cloned());
            assert_eq!(link.is_some(), !page["next_cursor"].is_null());
            let Some(link) = link else { break };
            path = link.split(['<', '>']).nth(1).unwrap().to_owned();
        }
        assert_eq!(walked, whole, "{list}");
    }
    room.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_query_is_a_400_naming_the_parameter() {
    let room = Room::open().await;
    let cases = [
        ("/sales?from=yesterday", "/from"),
        ("/sales?from=", "/from"),
        ("/sales?to=2026-03-14", "/to"),
        ("/sales?from=2026-03-14T09:00:00Z&to=2026-03-14T08:00:00Z", "/to"),
        ("/sales?sku=a%20b", "/sku"),
        ("/sales?sku=a&sku=b", "/sku"),
        ("/sales?hour=1", "/hour"),
        ("/sales?limit=0", "/limit"),
        ("/sales?cursor=abc", "/cursor"),
        ("/sales?cursor=IjIwMjYi", "/cursor"),
        ("/conversion?sku=a", "/sku"),
        ("/conversion?from=9", "/from"),
        ("/conversion?cursor=WzFd", "/cursor"),
    ];
    for (path, pointer) in cases {
        let (status, problem) = room.get(path).await;
        assert_eq!(
            (status, problem["errors"][0]["pointer"].as_str()),
            (400, Some(pointer)),
            "{path}: {problem}"
        );
    }
    room.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_served_while_kafka_is_away_and_told_so_while_the_database_is() {
    let room = Room::open().await;
    let (status, ready) = room.get("/readyz").await;
    let dependencies: Vec<_> = ready["dependencies"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(dependencies, ["database", "kafka_consumer", "migrations", "registry"], "{status} {ready}");
    let (_, document) = room.get("/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    room.running.stop().await;

    let running = start(DatabaseArgs::at("postgres://nobody:x@127.0.0.1:1/none")).await;
    for path in ["/sales", "/conversion"] {
        let answer = reqwest::get(format!("{}{path}", running.url())).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(answer.headers().contains_key("retry-after"), "{path}");
    }
    running.stop().await;
}
