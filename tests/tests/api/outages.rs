//! **All** and **Errors**, when parts are away: 503 + `Retry-After` within 2 s while the database is, `degraded` in a 200 while
//! Kafka or the registry are; the gateway's ledger is on disk; who may wait is bounded. A store of its own, one thing at a time.

use std::time::{Duration, Instant};

use all::launch::Program;
use order::config::OrderArgs;
use reqwest::Method;
use serde_json::Value;
use system_tests::{Shop, open_plan};
use testkit::{Proxy, until};

use crate::client::{Api, Call};
use crate::shelf::{WITHIN, basket, customer, id, ledger, listed, order, placed, settled};
use crate::stores::{sentences, urls};

sentences![a_store_whose_parts_go_away_says_so_and_goes_on_when_they_are_back: own_store];

/// The services that have a database.
const SERVICES: [Program; 4] = [Program::Order, Program::Inventory, Program::Billing, Program::Email];
/// A caller is told within this time.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// A machine that hangs may delay an answer on its way, not every one.
const TRIES_MAX: usize = 5;

/// A store that reaches its parts by ways that can be cut.
struct Frail {
    shop: Shop,
    api: Api,
    database: Proxy,
    kafka: Proxy,
    registry: Proxy,
}

impl Frail {
    async fn open() -> Self {
        let (mut plan, leftovers) = open_plan().await;
        let endpoints = &mut plan.endpoints;
        let database = endpoints.postgres_admin_url.split(['@', '/']).nth(3).unwrap().to_owned();
        let registry = endpoints.registry_url.split('/').nth(2).unwrap().to_owned();
        let kafka = Proxy::to_kafka(&endpoints.kafka_bootstrap).await.unwrap();
        endpoints.kafka_bootstrap = kafka.address();
        let (to_database, to_registry) =
            (Proxy::to(&database).await.unwrap(), Proxy::to(&registry).await.unwrap());
        endpoints.postgres_admin_url =
            endpoints.postgres_admin_url.replace(&database, &to_database.address());
        endpoints.registry_url = endpoints.registry_url.replace(&registry, &to_registry.address());
        plan.orders = OrderArgs { waiters_max: 1, ..OrderArgs::default() };
        let shop = Shop::start(plan, leftovers).await;
        let api = Api::of(urls(&shop)).await;
        Self { shop, api, database: to_database, kafka, registry: to_registry }
    }

    /// Waits until the program says this of itself, with this status.
    async fn says(&self, program: Program, status: u16, readiness: &str) -> Value {
        let said = until(format!("{} is {readiness}", program.name()), WITHIN, || async {
            let answer = self.api.call(Method::GET, program, "/readyz").may_be_unavailable().send().await;
            let report = answer.json();
            if answer.status == status && report["status"] == readiness { Ok(report) } else { Err(report) }
        });
        said.await
    }

    async fn all_say(&self, status: u16, readiness: &str) {
        for program in SERVICES {
            self.says(program, status, readiness).await;
        }
    }
}

async fn a_store_whose_parts_go_away_says_so_and_goes_on_when_they_are_back() {
    let mut store = Frail::open().await;
    while_the_database_is_away(&store).await;
    while_kafka_is_away(&store).await;
    while_the_registry_is_away(&store).await;
    the_ledger_outlives_the_gateway(&mut store).await;
    store.shop.shut().await;
}

async fn while_the_database_is_away(store: &Frail) {
    let api = &store.api;
    let (customer, sku) = (customer(api).await, listed(api, 1, 1).await);
    store.database.cut();
    store.all_say(503, "unavailable").await;
    for (program, path) in [
        (Program::Order, "/orders".to_owned()),
        (Program::Order, format!("/customers/{customer}")),
        (Program::Order, format!("/orders/{}?wait=decided&timeout=30s", id())),
        (Program::Order, format!("/orders/{}/events", id())),
        (Program::Order, format!("/orders/{}/history", id())),
        (Program::Inventory, "/stock".to_owned()),
        (Program::Billing, format!("/payments/{}", id())),
        (Program::Email, "/emails".to_owned()),
    ] {
        told_in_time(api, Method::GET, program, &path, None).await;
    }
    let body = basket(customer, &[(&sku, 1)], "tok_ok");
    told_in_time(api, Method::POST, Program::Order, "/orders", Some(&body)).await;
    told_in_time(api, Method::DELETE, Program::Order, &format!("/customers/{customer}"), None).await;
    for program in SERVICES {
        assert_eq!(api.get(program, "/livez").await.status, 200);
        assert_eq!(api.get(program, "/metrics").await.status, 200);
    }
    assert_eq!(api.get(Program::PaymentGateway, "/readyz").await.is(200)["status"], "ready");
    let bad = api.get(Program::Order, "/orders?limit=0").await;
    bad.refuses(400, "bad-query", "/limit");
    store.database.open();
    store.all_say(200, "ready").await;
    let orders = api.get(Program::Order, &format!("/orders?customer_id={customer}")).await.is(200);
    assert_eq!(orders["items"], serde_json::json!([]), "what was answered with 503 is not stored");
}

async fn told_in_time(api: &Api, method: Method, program: Program, path: &str, body: Option<&Value>) {
    let mut took = Vec::new();
    while took.len() < TRIES_MAX && took.last().is_none_or(|took| *took > TOLD_WITHIN) {
        let call = api.call(method.clone(), program, path).may_be_unavailable();
        let call = body.into_iter().fold(call, Call::json);
        let began = Instant::now();
        let answer = call.send().await;
        took.push(began.elapsed());
        assert!(answer.refused(503, "unavailable").is_empty());
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
    }
    assert!(took.last().is_some_and(|took| *took <= TOLD_WITHIN), "{path}: told after {took:?}");
}

async fn while_kafka_is_away(store: &Frail) {
    let api = &store.api;
    let sku = listed(api, 1, 1).await;
    store.kafka.cut();
    store.all_say(200, "degraded").await;
    let report = store.says(Program::Order, 200, "degraded").await;
    assert!(
        report["dependencies"].as_object().unwrap().iter().any(|(name, dependency)| {
            name.starts_with("kafka")
                && dependency["status"] == "degraded"
                && dependency["detail"].is_string()
        }),
        "{report}"
    );
    let customer = customer(api).await;
    let placed = order(api, &basket(customer, &[(&sku, 1)], "tok_ok")).await.is(201);
    let id = placed["order_id"].as_str().unwrap();
    who_may_wait_is_bounded(api, id).await;
    store.kafka.open();
    assert_eq!(crate::shelf::settle(api, id).await["status"], "confirmed");
    store.all_say(200, "ready").await;
}

async fn who_may_wait_is_bounded(api: &Api, pending: &str) {
    let events = format!("/orders/{pending}/events");
    let held = api.call(Method::GET, Program::Order, &events).open().await;
    assert_eq!(held.status(), 200);
    for path in [format!("/orders/{pending}?wait=settled&timeout=1ms"), events] {
        let refused = api.call(Method::GET, Program::Order, &path).may_be_unavailable().send().await;
        assert!(refused.refused(503, "unavailable").is_empty());
        assert_eq!(refused.header("retry-after"), "1");
    }
    drop(held);
    until("the place is free again", WITHIN, || async {
        let path = format!("/orders/{pending}?wait=settled&timeout=1ms");
        let answer = api.call(Method::GET, Program::Order, &path).may_be_unavailable().send().await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
}

async fn while_the_registry_is_away(store: &Frail) {
    let api = &store.api;
    store.registry.cut();
    // What is known of it stays known: orders go on.
    assert_eq!(settled(api, "tok_ok").await["status"], "confirmed");
    store.registry.open();
    store.all_say(200, "ready").await;
}

async fn the_ledger_outlives_the_gateway(store: &mut Frail) {
    let id = settled(&store.api, "tok_ok").await["order_id"].as_str().unwrap().to_owned();
    let before = ledger(&store.api, &id).await;
    assert_eq!(before.len(), 2);
    store.shop.store().stop_program(Program::PaymentGateway).await;
    let waiting = placed(&store.api, "tok_ok").await;
    store.shop.store().start_program(Program::PaymentGateway).await.unwrap();
    assert_eq!(ledger(&store.api, &id).await, before);
    assert_eq!(crate::shelf::settle(&store.api, &waiting).await["status"], "confirmed");
}
