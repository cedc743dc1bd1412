//! Two stores that send their spans to one collector, and everything that was logged.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use all::launch::Program;
use messaging::TraceMode;
use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::config::{LogFormat, TelemetryArgs, TracesArgs};
use service_kit::{telemetry, traces};
use system_tests::{SOON, Shop, open_plan};
use testkit::collector::{Span, tree};
use testkit::smtp::SmtpServer;
use testkit::{Collector, Parts, Proxy, until};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};
use uuid::Uuid;

use crate::privacy::{ADDRESS, NAME};

pub struct World {
    pub collector: Collector,
    pub logs: Logs,
    pub mails: SmtpServer,
    /// Between the linked store and its broker.
    pub kafka: Proxy,
    /// In parent mode.
    shop: AsyncMutex<Shop>,
    /// In link mode.
    linked: AsyncMutex<Shop>,
}

/// Everything that was logged.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An order as its caller knows it.
pub struct Placed {
    pub order: String,
    pub trace_id: String,
}

impl World {
    pub async fn open() -> Arc<Self> {
        let (collector, mails) = (Collector::start().await.unwrap(), SmtpServer::start().await.unwrap());
        let logs = Logs::default();
        let traces = TracesArgs {
            otlp_endpoint: Some(collector.endpoint().parse().unwrap()),
            ..TracesArgs::default()
        };
        let log = "debug,messaging=trace,order=trace,inventory=trace,billing=trace,email=trace".to_owned();
        let telemetry = TelemetryArgs { log_format: LogFormat::Json, log, traces };
        let writer = logs.clone();
        telemetry::init_to("counterflow", &telemetry, move || writer.clone());
        let parts = Parts::shared().await.unwrap();
        let kafka = Proxy::to_kafka(&parts.endpoints().kafka_bootstrap).await.unwrap();
        let open = async |trace_mode| {
            let (mut plan, leftovers) = open_plan().await;
            (plan.trace_mode, plan.smtp_url) = (trace_mode, Some(mails.url()));
            if trace_mode == TraceMode::Link {
                plan.endpoints.kafka_bootstrap = kafka.address();
            }
            let shop = Shop::start(plan, leftovers).await;
            shop.shelf("lamp", 4_900, 1_000).await;
            AsyncMutex::new(shop)
        };
        let (shop, linked) = (open(TraceMode::Parent).await, open(TraceMode::Link).await);
        Arc::new(Self { collector, logs, mails, kafka, shop, linked })
    }

    pub async fn close(self: Arc<Self>) {
        let Some(world) = Arc::into_inner(self) else { return };
        world.shop.into_inner().shut().await;
        world.linked.into_inner().shut().await;
    }

    pub async fn shop(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().await
    }

    pub async fn linked(&self) -> MutexGuard<'_, Shop> {
        self.linked.lock().await
    }

    /// Everything logged so far.
    pub fn logged(&self) -> String {
        String::from_utf8_lossy(&self.logs.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// The trace as a tree, as soon as it is `complete`.
    pub async fn tree(&self, placed: &Placed, complete: impl Fn(&[Span]) -> bool) -> (String, Vec<Span>) {
        until("the trace is complete", SOON, async || {
            let spans = self.spans(&placed.trace_id).await;
            let tree = tree(&spans);
            if complete(&spans) { Ok((tree, spans)) } else { Err(tree) }
        })
        .await
    }

    /// What is known of a trace by now.
    pub async fn spans(&self, trace_id: &str) -> Vec<Span> {
        traces::flush().await;
        self.collector.trace(trace_id)
    }
}

/// Places an order for one lamp; with a trace of the caller's own when there is one.
pub async fn place(shop: &Shop, token: &str, traceparent: Option<&str>) -> Placed {
    let order = json!({
        "customer_id": customer(shop).await,
        "lines": [{ "sku": "lamp", "quantity": 1 }],
        "payment_token": token,
    });
    let mut request =
        reqwest::Client::new().post(format!("{}/orders", shop.url(Program::Order))).json(&order);
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let header = answer.headers().get("traceresponse").expect("a caller is told its trace").to_str().unwrap();
    let trace_id = header.split('-').nth(1).unwrap().to_owned();
    let body: Value = answer.json().await.unwrap();
    Placed { order: body["order_id"].as_str().unwrap().to_owned(), trace_id }
}

async fn customer(shop: &Shop) -> Uuid {
    let id = Uuid::from_u128(0x0192_4f3e_0000_7000_8000_0000_0000_00ca);
    let customer = json!({ "name": NAME, "email": ADDRESS });
    let path = format!("/customers/{id}");
    shop.client.ask(reqwest::Method::PUT, Program::Order, &path, Some(customer)).await.unwrap();
    id
}

/// True once a span of this name, service and event is there.
pub fn has(spans: &[Span], name: &str, service: &str, event: &str) -> bool {
    find(spans, name, service, event).is_some()
}

pub fn find<'a>(spans: &'a [Span], name: &str, service: &str, event: &str) -> Option<&'a Span> {
    spans.iter().find(|span| {
        span.name == name
            && span.service == service
            && span.attribute("cloudevents.event_type").ends_with(event)
    })
}
