//! Each sentence about `GET /emails`, black box on a real Postgres.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use email::config::MailArgs;
use support::{TestDatabase, TestFolder, confirmed, get, new_customer, new_order};

/// A service whose mails wait: nobody registers the customer.
async fn with_pending(count: usize) -> (TestDatabase, TestFolder, service_kit::Running, Vec<String>) {
    let (database, folder) = (TestDatabase::create().await, TestFolder::create());
    let mail = MailArgs { mail_dir: folder.0.clone(), ..support::mail_settings() };
    let running = support::start(&database.url, mail).await;
    let mut orders = Vec::new();
    for _ in 0..count {
        let order = new_order();
        database.hear(confirmed(order, new_customer()), 2).await;
        orders.insert(0, order.to_string());
    }
    (database, folder, running, orders)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_order_is_an_empty_list() {
    let (database, _folder, running, _) = with_pending(1).await;
    let (status, body) = get(&running, &format!("/emails?order_id={}", new_order())).await;
    assert_eq!((status, body), (200, serde_json::json!({"items": [], "next_cursor": null})));
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_has_exactly_the_fields_of_the_contract() {
    let (database, _folder, running, orders) = with_pending(1).await;
    let (status, body) = get(&running, &format!("/emails?order_id={}", orders[0])).await;
    let item = serde_json::json!(
        {"order_id": orders[0], "kind": "receipt", "status": "pending", "message_id": null, "sent_at": null});
    assert_eq!((status, body), (200, serde_json::json!({"items": [item], "next_cursor": null})));
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_order_all_are_listed_newest_first_in_pages_of_twenty_with_a_link_to_the_next() {
    let (database, _folder, running, orders) = with_pending(25).await;
    let (_, first) = get(&running, "/emails").await;
    assert_eq!(first["items"].as_array().unwrap().len(), 20);
    let (mut walked, mut path) = (Vec::new(), "/emails?limit=10".to_owned());
    loop {
        // One that comes meanwhile is newer than all and moves nothing.
        database.hear(confirmed(new_order(), new_customer()), 2).await;
        let response = reqwest::get(format!("{}{path}", running.url())).await.unwrap();
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: serde_json::Value = response.json().await.unwrap();
        walked.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["order_id"].as_str().unwrap().to_owned()),
        );
        assert_eq!(link.is_some(), !page["next_cursor"].is_null());
        let Some(link) = link else { break };
        assert!(link.ends_with("; rel=\"next\""), "{link}");
        path = link.split(['<', '>']).nth(1).unwrap().to_owned();
    }
    walked.retain(|order| orders.contains(order));
    assert_eq!(walked, orders, "no item twice, none skipped");
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_query_is_a_400_naming_the_parameter() {
    let (database, _folder, running, _) = with_pending(0).await;
    let cases = [
        ("order_id=7", "/order_id"),
        ("order_id=", "/order_id"),
        ("order_id=00000000-0000-0000-0000-00000000000g", "/order_id"),
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=x", "/limit"),
        ("cursor=%00", "/cursor"),
        ("cursor=abc", "/cursor"),
        ("cursor=WyJhIiwidHJ1ZSJd", "/cursor"),
        ("customer_id=1", "/customer_id"),
        ("limit=1&limit=2", "/limit"),
    ];
    for (query, pointer) in cases {
        let response = reqwest::get(format!("{}/emails?{query}", running.url())).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{query}");
        let status = response.status().as_u16();
        let problem: serde_json::Value = response.json().await.unwrap();
        assert_eq!(
            (status, problem["errors"][0]["pointer"].as_str()),
            (400, Some(pointer)),
            "{query}: {problem}"
        );
    }
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_routes_are_problems() {
    let (database, _folder, running, _) = with_pending(0).await;
    let client = reqwest::Client::new();
    let posted = client.post(format!("{}/emails", running.url())).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 405);
    assert!(posted.headers()["allow"].to_str().unwrap().contains("GET"));
    assert_eq!(get(&running, "/mails").await.0, 404);
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_served_while_kafka_and_the_registry_are_away_and_the_document_is_openapi_3_1() {
    let (database, _folder, running, _) = with_pending(0).await;
    support::eventually(|| async {
        let (status, report) = get(&running, "/readyz").await;
        if (status, report["status"].as_str()) == (200, Some("degraded")) {
            Ok(())
        } else {
            Err(report.to_string())
        }
    })
    .await;
    let (_, document) = get(&running, "/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let parameters: Vec<_> = document["paths"]["/emails"]["get"]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    assert_eq!(parameters, ["limit", "cursor", "order_id"]);
    running.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_a_503_within_two_seconds() {
    let folder = TestFolder::create();
    let mail = MailArgs { mail_dir: folder.0.clone(), ..support::mail_settings() };
    let running = support::start_without_database("postgres://nobody:x@127.0.0.1:1/none", mail).await;
    let asked = tokio::time::timeout(
        std::time::Duration::from_secs(2),
        reqwest::get(format!("{}/emails", running.url())),
    );
    let response = asked.await.unwrap().unwrap();
    assert_eq!(response.status().as_u16(), 503);
    assert!(response.headers().contains_key("retry-after"));
    running.stop().await;
}
