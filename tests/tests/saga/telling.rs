//! `storectl order`: the story of an order is all of it, in causal order, and what services knew is what they say.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::ExitCode;

use all::launch::Program;
use clap::Parser as _;
use serde_json::Value;
use storectl::cli::{Cli, run};
use system_tests::Shop;

/// What `storectl order` says, and how it exits.
async fn told(shop: &Shop, order: &str, more: &[&str]) -> (String, String) {
    let settings = shop.running().settings();
    let mut line: Vec<String> = ["storectl", "order", order].map(ToOwned::to_owned).into();
    line.extend(more.iter().map(|arg| (*arg).to_owned()));
    let mut value = |name: &str, value: &str| {
        if !line.iter().any(|arg| arg == name) {
            line.extend([name.to_owned(), value.to_owned()]);
        }
    };
    value("--order-url", shop.url(Program::Order));
    value("--email-url", shop.url(Program::Email));
    value("--kafka-bootstrap", &settings.kafka_bootstrap);
    value("--registry-url", &settings.registry_url);
    value("--topic-prefix", &settings.topic_prefix);
    for program in [Program::Order, Program::Inventory, Program::Billing, Program::Email] {
        if let Some(database) = shop.running().database(program) {
            value(&format!("--{}-database-url", program.name()), database.database_url.reveal());
        }
    }
    let mut out = Vec::new();
    let code = run(Cli::try_parse_from(line).unwrap(), &mut out).await.unwrap();
    (String::from_utf8(out).unwrap(), format!("{code:?}"))
}

async fn document(shop: &Shop, order: &str, more: &[&str]) -> Value {
    let (said, code) = told(shop, order, &[more, &["--json"]].concat()).await;
    assert_eq!(code, exit(0), "{said}");
    serde_json::from_str(&said).unwrap()
}

fn exit(code: u8) -> String {
    format!("{:?}", ExitCode::from(code))
}

fn names(story: &Value) -> Vec<&str> {
    story["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect()
}

/// Sorted: stock and payment are asked at the same time.
fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

const CONFIRMED: [&str; 7] = [
    "EmailSent",
    "OrderConfirmed",
    "OrderCreated",
    "PaymentAuthorized",
    "PaymentCaptured",
    "StockCommitted",
    "StockReserved",
];

/// A cause comes before its effect, and every event but those that somebody outside asked for has one.
fn assert_causes_come_first(story: &Value) {
    for event in story["events"].as_array().unwrap() {
        let (number, name) = (event["number"].as_u64().unwrap(), event["event"].as_str().unwrap());
        match event["cause"].as_u64() {
            Some(cause) => assert!(cause < number, "{event}"),
            None => assert!(["OrderCreated", "OrderCancelled"].contains(&name), "{event}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_an_order_is_all_of_it_and_what_services_knew_is_what_they_say() {
    let shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 100).await;
    // Of each partition, among others: an order is found where the producer put it.
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(shop.order(&[("lamp", 2)], "tok_ok").await);
    }
    for order in &orders {
        shop.settled(order).await;
    }
    shop.in_order().await; // mails too
    let mut partitions = std::collections::BTreeSet::new();
    for order in &orders {
        let story = document(&shop, order, &[]).await;
        assert_eq!(sorted(names(&story)), CONFIRMED, "{story:#}");
        assert_causes_come_first(&story);
        partitions.insert(story["events"][0]["partition"].as_i64().unwrap());
        assert_eq!(story["notes"], serde_json::json!([]), "{story:#}");
    }
    assert!(partitions.len() > 1, "only {partitions:?}: the partition of a key was not put to the test");

    let order = &orders[0];
    let confirmed = document(&shop, order, &[]).await;
    shop.cancel(order).await;
    shop.settled(order).await;
    shop.in_order().await;
    let story = document(&shop, order, &[]).await;
    let more = ["EmailSent", "OrderCancelled", "PaymentRefunded", "StockReleased"];
    assert_eq!(sorted(names(&story)), sorted([&CONFIRMED[..], &more].concat()));
    assert_causes_come_first(&story);
    what_services_say_is_what_was_folded(&shop, order, &story).await;
    then_and_now(&shop, order, &confirmed, &story).await;
    nothing_secret_is_shown(&shop, order).await;
    shop.close().await;
}

async fn what_services_say_is_what_was_folded(shop: &Shop, order: &str, story: &Value) {
    let seen = shop.client.get(Program::Order, &format!("/orders/{order}")).await.unwrap();
    let state = |service: &str, field: &str| story["state"][service]["knows"][field].clone();
    for (field, said) in [
        ("status", &seen["status"]),
        ("reason", &seen["reason"]),
        ("stock", &seen["progress"]["stock"]),
        ("payment", &seen["progress"]["payment"]),
        ("updated_at", &seen["updated_at"]),
    ] {
        assert_eq!(state("order", field), *said, "{field}");
    }
    assert_eq!(state("order", "settled"), "true");
    let stock = shop.client.get(Program::Inventory, &format!("/reservations/{order}")).await.unwrap();
    assert_eq!(state("inventory", "status"), stock["status"]);
    let payment = shop.client.get(Program::Billing, &format!("/payments/{order}")).await.unwrap();
    assert_eq!(state("billing", "status"), payment["status"]);
    assert_eq!(state("billing", "gateway_reference"), payment["gateway_reference"]);
    for mail in ["receipt", "cancellation"] {
        assert!(state("email", mail).as_str().unwrap().starts_with("sent at"), "{story:#}");
    }
    for (service, known) in story["state"].as_object().unwrap() {
        let perhaps = known["perhaps_not_read"].as_array().unwrap();
        // What the order service hears last makes it write nothing, so nothing shows that it has.
        assert!(service == "order" || perhaps.is_empty(), "{service}: {known}");
    }
}

async fn then_and_now(shop: &Shop, order: &str, confirmed: &Value, story: &Value) {
    let first = document(shop, order, &["--at", "1"]).await;
    let knows = |view: &Value, service: &str| view["services"][service]["knows"].clone();
    assert_eq!(knows(&first, "order")["status"], "pending");
    assert_eq!(knows(&first, "inventory")["status"], "pending");
    assert_eq!(knows(&first, "email"), serde_json::json!({"receipt": "-", "cancellation": "-"}));
    // Nothing shows yet that anybody has read it.
    assert_eq!(first["services"]["inventory"]["perhaps_not_read"], serde_json::json!([1]));

    let last = confirmed["events"].as_array().unwrap().last().unwrap();
    let (id, time) = (last["event_id"].as_str().unwrap(), last["time"].as_str().unwrap());
    let (by_id, by_time) =
        (document(shop, order, &["--at", id]).await, document(shop, order, &["--at", time]).await);
    assert_eq!(by_id["services"], by_time["services"]);
    assert_eq!(by_id["services"], confirmed["state"], "as it was told when that was all there was");

    let end = story["events"].as_array().unwrap().len().to_string();
    let diff = document(shop, order, &["--diff", id, &end]).await;
    let changes: Vec<String> = diff["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            format!("{} {} {}", change["service"], change["field"], change["after"]).replace('"', "")
        })
        .collect();
    for wanted in [
        "order status cancelled",
        "order reason customer_request",
        "inventory status released",
        "billing status refunded",
    ] {
        assert!(changes.iter().any(|change| change == wanted), "{wanted} of {changes:#?}");
    }
    assert_eq!(diff["events"].as_array().unwrap().len(), 4);
}

async fn nothing_secret_is_shown(shop: &Shop, order: &str) {
    for more in [
        &[][..],
        &["--json"],
        &["--everywhere", "--json"],
        &["--graph", "mermaid"],
        &["--graph", "dot"],
        &["--at", "1"],
    ] {
        let (said, code) = told(shop, order, more).await;
        assert_eq!(code, exit(0), "{said}");
        for secret in ["tok_ok", "Grace", "customer@example.org"] {
            assert!(!said.contains(secret), "{more:?}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_needs_the_log_alone_and_who_cannot_look_says_so() {
    let mut shop = Shop::open().await;
    shop.shelf("lamp", 4_900, 100).await;
    let order = shop.order(&[("lamp", 2)], "tok_declined").await;
    shop.settled(&order).await;
    shop.in_order().await;
    let with_services = document(&shop, &order, &[]).await;
    let nobody = uuid::Uuid::from_u128(5).to_string();
    let (said, code) = told(&shop, &nobody, &[]).await;
    assert_eq!((said.as_str(), code), ("", exit(1)), "an order nobody knows");
    let (said, code) = told(&shop, &order, &["--at", "99"]).await;
    assert_eq!((said.as_str(), code), ("", exit(2)), "an event that is not there");
    let (said, code) = told(&shop, &order, &["--kafka-bootstrap", "127.0.0.1:9"]).await;
    assert_eq!((said.as_str(), code), ("", exit(2)), "no Kafka");
    let (said, code) = told(&shop, &order, &["--registry-url", "http://127.0.0.1:9"]).await;
    assert_eq!((said.as_str(), code), ("", exit(2)), "no registry");

    shop.store().stop_program(Program::Order).await;
    let alone = document(&shop, &order, &["--order-url", "http://127.0.0.1:9"]).await;
    assert_eq!(alone["events"], with_services["events"]);
    assert!(alone["notes"][0].as_str().unwrap().contains("--order-url"), "{alone:#}");
    shop.store().start_program(Program::Order).await.unwrap();
    shop.close().await;
}
