//! The gateway over HTTP: one test for each sentence of its contract.

mod answers;
mod disk;
mod healthcheck;
mod ledger;
mod refusals;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use payment_gateway::app;
use payment_gateway::config::{Config, GatewayArgs};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use service_kit::Running;
use service_kit::config::{CorsArgs, HttpArgs, TelemetryArgs};
use tokio_util::sync::CancellationToken;

/// Two orders nobody else has.
const ORDER: &str = "0199a000-0000-7000-8000-000000000001";
const OTHER: &str = "0199a000-0000-7000-8000-000000000002";

/// A gateway of its own, with a ledger of its own that goes with it.
struct Gateway {
    running: Running,
    client: Client,
    ledger: Folder,
}

/// A folder that goes with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("payment-gateway-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn file(&self) -> PathBuf {
        self.0.join("ledger.jsonl")
    }

    fn config(&self) -> Config {
        Config {
            http: HttpArgs::loopback(0),
            cors: CorsArgs::default(),
            telemetry: TelemetryArgs::default(),
            gateway: GatewayArgs::at(self.file()),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left in the system's place for temporary files hurts nobody.
        let _left = fs::remove_dir_all(&self.0);
    }
}

impl Gateway {
    async fn start() -> anyhow::Result<Self> {
        Self::start_with(Folder::new()?, |_| ()).await
    }

    async fn start_with(ledger: Folder, change: impl FnOnce(&mut GatewayArgs)) -> anyhow::Result<Self> {
        let mut config = ledger.config();
        change(&mut config.gateway);
        let running = app::start(config, CancellationToken::new()).await?;
        Ok(Self { running, client: Client::builder().no_proxy().build()?, ledger })
    }

    /// Stops it; the ledger stays.
    async fn stop(self) -> Folder {
        self.running.stop().await;
        self.ledger
    }

    async fn restart(self) -> anyhow::Result<Self> {
        Self::start_with(self.stop().await, |_| ()).await
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.running.url())).timeout(Duration::from_secs(20))
    }

    /// One operation on 10.00 EUR of `order` under a key of its own.
    async fn operate(
        &self,
        operation: &str,
        order: &str,
        token: Option<&str>,
    ) -> anyhow::Result<(u16, Value)> {
        self.operate_as(&format!("{order}:{operation}"), operation, &body(order, token)).await
    }

    async fn operate_as(&self, key: &str, operation: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let request = self.post(&format!("/{operation}")).header("Idempotency-Key", key).json(body);
        read(request).await
    }

    async fn authorize(&self, order: &str, token: &str) -> anyhow::Result<(u16, Value)> {
        self.operate("authorize", order, Some(token)).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<(u16, Value)> {
        read(self.client.get(format!("{}{path}", self.running.url()))).await
    }

    /// The kinds of effects an order has, in their order.
    async fn effects(&self, order: &str) -> anyhow::Result<Vec<String>> {
        let (status, page) = self.get(&format!("/ledger?order_id={order}&limit=100")).await?;
        anyhow::ensure!(status == 200, "{page}");
        let kinds = page["items"].as_array().context("no items")?.iter().map(|item| item["kind"].as_str());
        kinds.map(|kind| kind.map(str::to_owned).context("no kind")).collect()
    }
}

async fn read(request: RequestBuilder) -> anyhow::Result<(u16, Value)> {
    let response = request.send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

fn body(order: &str, token: Option<&str>) -> Value {
    let mut body = json!({"order_id": order, "amount": {"amount_minor": 1000, "currency": "EUR"}});
    if let Some(token) = token {
        body["payment_token"] = token.into();
    }
    body
}

#[track_caller]
fn assert_approved(answer: &(u16, Value)) {
    let (status, body) = answer;
    assert_eq!((*status, &body["outcome"]), (200, &json!("approved")), "{body}");
    assert!(
        body["reference"].as_str().is_some_and(|name| !name.is_empty()) && body.get("code").is_none(),
        "{body}"
    );
}

#[track_caller]
fn assert_declined(answer: &(u16, Value), code: &str) {
    let (status, body) = answer;
    assert_eq!((*status, &body["outcome"], &body["code"]), (200, &json!("declined"), &json!(code)), "{body}");
}
