//! The whole service with a real gateway and a real database; Kafka and the registry are away. The consumer's part is
//! played by the test, the relay's rows are the evidence.

use billing::config::GatewayArgs;
use kernel::clock::SystemIds;
use kernel::{Currency, Ids as _, Money, OrderId};
use service_kit::Running;
use service_kit::config::{CorsArgs, DatabaseArgs, HttpArgs, Secret, TelemetryArgs};
use tokio_util::sync::CancellationToken;

use crate::support::{Database, cancelled, confirmed, created, created_for, eventually, order};

pub struct Store {
    pub database: Database,
    pub billing: Running,
    gateway: Running,
    folder: std::path::PathBuf,
}

impl Store {
    pub async fn open() -> Self {
        Self::open_with(Database::create().await).await
    }

    pub async fn open_with(database: Database) -> Self {
        let folder = std::env::temp_dir().join(format!("billing-rooms-{}", SystemIds.next()));
        std::fs::create_dir_all(&folder).unwrap();
        let gateway = payment_gateway::config::Config {
            http: HttpArgs::loopback(0),
            cors: CorsArgs::default(),
            telemetry: TelemetryArgs::default(),
            gateway: payment_gateway::config::GatewayArgs::at(folder.join("ledger.jsonl")),
        };
        let gateway = payment_gateway::app::start(gateway, CancellationToken::new()).await.unwrap();
        let billing = start(&database, &gateway.url()).await;
        Self { database, billing, gateway, folder }
    }

    pub async fn close(self) {
        self.billing.stop().await;
        self.gateway.stop().await;
        std::fs::remove_dir_all(&self.folder).unwrap();
        self.database.drop_it().await;
    }

    pub async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        let response = reqwest::get(format!("{}{path}", self.billing.url())).await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub async fn payment(&self, order_id: OrderId) -> serde_json::Value {
        self.get(&format!("/payments/{order_id}")).await.1
    }

    async fn until(&self, order_id: OrderId, status: &str) -> serde_json::Value {
        eventually(async || self.payment(order_id).await, |payment| payment["status"] == status).await
    }

    /// What was really done, in order.
    async fn ledger(&self, order_id: OrderId) -> Vec<String> {
        let url = format!("{}/ledger?order_id={order_id}", self.gateway.url());
        let page: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn check(&self, order_id: OrderId, ledger: &[&str], events: &[&str]) {
        assert_eq!(self.ledger(order_id).await, ledger);
        assert_eq!(self.database.published(order_id).await, events);
        let numbers: Vec<i64> = (1..).take(events.len()).collect();
        assert_eq!(self.database.sequences(order_id).await, numbers);
        assert_eq!(self.database.open_calls(order_id).await, []);
    }
}

pub async fn start(database: &Database, gateway_url: &str) -> Running {
    let mut args = DatabaseArgs::at(database.url.clone());
    args.database_admin_url = Some(Secret::new(database.migrating_url()));
    let config = billing::Config {
        http: HttpArgs::loopback(0),
        cors: CorsArgs::default(),
        database: args,
        messaging: messaging::Settings::new("127.0.0.1:1", "http://127.0.0.1:1"),
        gateway: GatewayArgs::at(gateway_url).unwrap(),
        telemetry: TelemetryArgs::default(),
    };
    billing::start(config, CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn a_confirmed_order_is_captured() {
    let (store, order_id) = (Store::open().await, order());
    store.database.handle(created(order_id, "tok_ok"), 1).await;
    store.until(order_id, "authorized").await;
    store.database.handle(confirmed(order_id), 2).await;
    let payment = store.until(order_id, "captured").await;
    assert_eq!(payment["amount"], serde_json::json!({ "amount_minor": 3_548, "currency": "EUR" }));
    assert_eq!(payment["attempts"], 1);
    store.check(order_id, &["authorize", "capture"], &["PaymentAuthorized", "PaymentCaptured"]).await;
    store.close().await;
}

#[tokio::test]
async fn a_declined_order_is_answered_and_its_cancellation_needs_nothing() {
    let (store, order_id) = (Store::open().await, order());
    store.database.handle(created(order_id, "tok_declined"), 1).await;
    store.until(order_id, "declined").await;
    store.database.handle(cancelled(order_id), 2).await;
    store.check(order_id, &[], &["PaymentDeclined"]).await;
    store.close().await;
}

#[tokio::test]
async fn an_authorized_order_is_voided_and_a_captured_one_refunded() {
    let store = Store::open().await;
    let (held, taken) = (order(), order());
    for order_id in [held, taken] {
        store.database.handle(created(order_id, "tok_ok"), 1).await;
        store.until(order_id, "authorized").await;
    }
    store.database.handle(confirmed(taken), 2).await;
    store.until(taken, "captured").await;
    store.database.handle(cancelled(held), 2).await;
    store.database.handle(cancelled(taken), 3).await;
    store.until(held, "voided").await;
    store.until(taken, "refunded").await;
    store.check(held, &["authorize", "void"], &["PaymentAuthorized", "PaymentVoided"]).await;
    let events = ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"];
    store.check(taken, &["authorize", "capture", "refund"], &events).await;
    store.close().await;
}

#[tokio::test]
async fn a_capture_that_fails_is_voided_once_the_order_is_cancelled() {
    let (store, order_id) = (Store::open().await, order());
    store.database.handle(created(order_id, "tok_capture_fails"), 1).await;
    store.until(order_id, "authorized").await;
    store.database.handle(confirmed(order_id), 2).await;
    store.until(order_id, "capture_failed").await;
    store.database.handle(cancelled(order_id), 3).await;
    store.until(order_id, "voided").await;
    let events = ["PaymentAuthorized", "PaymentCaptureFailed", "PaymentVoided"];
    store.check(order_id, &["authorize", "void"], &events).await;
    store.close().await;
}

#[tokio::test]
async fn a_cancellation_in_flight_waits_for_the_answer_and_undoes_it() {
    let (store, order_id) = (Store::open().await, order());
    store.database.handle(created(order_id, "tok_slow"), 1).await;
    eventually(
        async || store.database.open_calls(order_id).await,
        |calls| calls.iter().any(|(_, tries)| *tries > 0),
    )
    .await;
    store.database.handle(cancelled(order_id), 2).await;
    store.until(order_id, "voided").await;
    store.check(order_id, &["authorize", "void"], &["PaymentAuthorized", "PaymentVoided"]).await;
    store.close().await;
}

#[tokio::test]
async fn an_order_cancelled_unheard_is_answered_at_once_and_never_charged() {
    let (store, order_id) = (Store::open().await, order());
    store.database.handle(cancelled(order_id), 1).await;
    store.database.handle(created(order_id, "tok_ok"), 2).await;
    let payment = store.until(order_id, "voided").await;
    let wanted = serde_json::json!({
        "order_id": order_id, "status": "voided", "amount": null, "attempts": 0, "gateway_reference": null,
    });
    assert_eq!(payment, wanted);
    store.check(order_id, &[], &["PaymentVoided"]).await;
    store.close().await;
}

#[tokio::test]
async fn a_slow_call_delays_no_other_order_and_every_token_is_settled_in_time() {
    let store = Store::open().await;
    let tokens = ["tok_timeout_after_charge", "tok_slow", "tok_flaky"];
    let slow = tokens.map(|token| (token, order()));
    for (token, order_id) in slow {
        store.database.handle(created(order_id, token), 1).await;
    }
    eventually(
        async || store.database.open_calls(slow[0].1).await,
        |calls| calls.iter().any(|(_, tries)| *tries > 0),
    )
    .await;
    let quick = order();
    store.database.handle(created(quick, "tok_ok"), 1).await;
    store.until(quick, "authorized").await;
    for (token, order_id) in slow {
        let payment = store.until(order_id, "authorized").await;
        let attempts = [("tok_timeout_after_charge", 2), ("tok_slow", 1), ("tok_flaky", 3)];
        assert!(
            attempts.iter().any(|(known, tries)| *known == token && payment["attempts"] == *tries),
            "{token} {payment}"
        );
        store.check(order_id, &["authorize"], &["PaymentAuthorized"]).await;
    }
    let answered = store.database.answered_first().await;
    let place = |order_id: OrderId| answered.iter().position(|key| *key == order_id.to_string());
    assert!(place(quick) < place(slow[0].1), "{answered:?}");
    store.close().await;
}

#[tokio::test]
async fn a_call_whose_worker_died_is_made_again_and_charged_once() {
    let (store, order_id) = (Store::open().await, order());
    let Store { database, billing, gateway, folder } = store;
    billing.stop().await;
    database.handle(created(order_id, "tok_ok"), 1).await;
    database.claim_for_ever(order_id).await;
    // The dead worker's call had got through.
    let call = serde_json::json!({
        "order_id": order_id, "amount": { "amount_minor": 3_548, "currency": "EUR" }, "payment_token": "tok_ok",
    });
    let sent = reqwest::Client::new()
        .post(format!("{}/authorize", gateway.url()))
        .header("idempotency-key", format!("{order_id}:authorize"))
        .json(&call);
    assert!(sent.send().await.unwrap().status().is_success());
    database.forget_claim(order_id).await;
    let billing = start(&database, &gateway.url()).await;
    let store = Store { database, billing, gateway, folder };
    let payment = store.until(order_id, "authorized").await;
    assert_eq!(payment["attempts"], 2);
    store.check(order_id, &["authorize"], &["PaymentAuthorized"]).await;
    store.close().await;
}

#[tokio::test]
async fn an_order_that_costs_nothing_takes_the_same_path() {
    let (store, order_id) = (Store::open().await, order());
    let nothing = Money::new(0, Currency::parse("EUR").unwrap()).unwrap();
    store.database.handle(created_for(order_id, "tok_ok", nothing), 1).await;
    store.until(order_id, "authorized").await;
    store.database.handle(confirmed(order_id), 2).await;
    store.until(order_id, "captured").await;
    store.check(order_id, &["authorize", "capture"], &["PaymentAuthorized", "PaymentCaptured"]).await;
    store.close().await;
}
