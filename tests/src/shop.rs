//! A store of one test: all five programs in this process, with topics and databases of their own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use all::launch::{Plan, Program, Store};
use kernel::clock::SystemIds;
use kernel::{Ids as _, Sku};
use order::config::OrderArgs;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service_kit::config::CorsArgs;
use storectl::Client;
use testkit::{Leftovers, Parts, until};
use tokio::runtime::Handle;
use uuid::Uuid;

/// Long enough for a machine that does everything at once; nothing is slow because of it.
pub const SOON: Duration = Duration::from_mins(1);
const READY_WITHIN: Duration = Duration::from_mins(2);
const PARTITIONS: i32 = 3;

/// A running store; its topics, databases and files end with it.
pub struct Shop {
    /// The store; `None` once it is closed.
    store: Option<Store>,
    /// A customer and operator of it.
    pub client: Client,
    /// A registered customer.
    pub customer: Uuid,
    received: Mutex<BTreeMap<Sku, i64>>,
    _leftovers: Leftovers,
}

/// What a store of one test is started with, and what must be removed after it.
pub async fn open_plan() -> (Plan, Leftovers) {
    let parts = Parts::shared().await.expect("the real parts are there");
    let set = Parts::unique();
    let plan = Plan {
        endpoints: parts.endpoints().clone(),
        topic_prefix: format!("{set}."),
        database_prefix: format!("{set}_"),
        partitions: PARTITIONS,
        ports: [0; 5],
        dir: std::env::temp_dir().join(format!("counterflow-{set}")),
        orders: OrderArgs::default(),
        smtp_url: None,
        cors: CorsArgs::default(),
    };
    let databases = [Program::Order, Program::Inventory, Program::Billing, Program::Email];
    let leftovers = Leftovers::new(&plan.endpoints.postgres_admin_url)
        .databases(databases.map(|program| format!("{}{}", plan.database_prefix, program.name())))
        .topics(
            &plan.endpoints.kafka_bootstrap,
            storectl::topics::specs(&plan.topic_prefix, PARTITIONS).into_iter().map(|spec| spec.name),
        )
        .folder(&plan.dir);
    (plan, leftovers)
}

impl Shop {
    /// Opens with the settings of every day.
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// Opens with other settings: `change` sees the plan before anything is started.
    pub async fn open_with(change: impl FnOnce(&mut Plan)) -> Self {
        let (mut plan, leftovers) = open_plan().await;
        change(&mut plan);
        Self::start(plan, leftovers).await
    }

    /// Opens as planned.
    pub async fn start(plan: Plan, leftovers: Leftovers) -> Self {
        let store = Store::start(plan).await.expect("the store starts");
        let client = store.client().expect("an HTTP client");
        client.ready(READY_WITHIN).await.expect("every program gets ready");
        let customer = SystemIds.next();
        let shop =
            Self { store: Some(store), client, customer, received: Mutex::default(), _leftovers: leftovers };
        shop.register(customer, "Grace Hopper").await;
        shop
    }

    /// Registers a customer.
    pub async fn register(&self, id: Uuid, name: &str) {
        let customer = json!({ "name": name, "email": "customer@example.org" });
        self.ask(Method::PUT, Program::Order, &format!("/customers/{id}"), Some(&customer)).await;
    }

    /// The programs.
    pub fn running(&self) -> &Store {
        self.store.as_ref().expect("open until it is closed")
    }

    /// The programs, to stop and start.
    pub fn store(&mut self) -> &mut Store {
        self.store.as_mut().expect("open until it is closed")
    }

    /// Where a program answers.
    pub fn url(&self, program: Program) -> &str {
        self.running().url(program)
    }

    /// Puts so many pieces of a new product on the shelf; returns when it can be ordered.
    pub async fn shelf(&self, sku: &str, price_minor: i64, pieces: u32) {
        let price = json!({ "amount_minor": price_minor, "currency": "EUR" });
        let product = json!({ "name": sku, "unit_price": price });
        self.ask(Method::PUT, Program::Inventory, &format!("/products/{sku}"), Some(&product)).await;
        if pieces > 0 {
            let receipt = json!({ "receipt_id": SystemIds.next(), "quantity": pieces });
            self.ask(Method::POST, Program::Inventory, &format!("/stock/{sku}/receipts"), Some(&receipt))
                .await;
        }
        self.ask(Method::GET, Program::Order, &format!("/products/{sku}"), None).await;
        let sku = Sku::parse(sku).expect("a sku");
        self.received.lock().unwrap_or_else(PoisonError::into_inner).insert(sku, i64::from(pieces));
    }

    /// What was put on the shelves.
    pub fn received(&self) -> BTreeMap<Sku, i64> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The customer orders.
    pub async fn order(&self, lines: &[(&str, u32)], token: &str) -> String {
        self.order_of(self.customer, lines, token).await
    }

    /// Another customer orders; again with the same key for as long as the service asks to come back later.
    pub async fn order_of(&self, customer: Uuid, lines: &[(&str, u32)], token: &str) -> String {
        let lines: Vec<Value> =
            lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
        let order = json!({ "customer_id": customer, "lines": lines, "payment_token": token });
        let (http, key) = (reqwest::Client::new(), SystemIds.next().to_string());
        let placed = until("the order is accepted", SOON, async || {
            let address = format!("{}/orders", self.url(Program::Order));
            let request = http.post(address).header("Idempotency-Key", &key).json(&order);
            let answer = request.send().await.map_err(|error| error.to_string())?;
            let (status, text) = (answer.status(), answer.text().await.map_err(|error| error.to_string())?);
            if status == StatusCode::CREATED { Ok(text) } else { Err(format!("{status} {text}")) }
        });
        let placed: Value = serde_json::from_str(&placed.await).expect("an order is JSON");
        placed["order_id"].as_str().expect("an order has an id").to_owned()
    }

    /// The order, once it is decided.
    pub async fn decided(&self, order: &str) -> Value {
        self.wait(order, "decided", |found| found["status"] != "pending").await
    }

    /// The order, once it is settled.
    pub async fn settled(&self, order: &str) -> Value {
        self.wait(order, "settled", |found| found["settled"] == true).await
    }

    async fn wait(&self, order: &str, state: &str, is_there: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/orders/{order}?wait={state}&timeout=5s");
        until(format!("the order is {state}"), SOON, async || {
            let found = self.client.get(Program::Order, &path).await.map_err(|error| format!("{error:#}"))?;
            if is_there(&found) { Ok(found) } else { Err(found.to_string()) }
        })
        .await
    }

    /// A call that must succeed, made again until it does: a busy machine is not what is tested.
    async fn ask(&self, method: Method, program: Program, path: &str, body: Option<&Value>) {
        until(format!("{method} {path} succeeds"), SOON, async || {
            let answer = self.client.call(method.clone(), program, path, body).await;
            let (status, answer) = answer.map_err(|error| format!("{error:#}"))?;
            if status.is_success() { Ok(()) } else { Err(format!("{status} {answer}")) }
        })
        .await;
    }

    /// The customer changes their mind; what they are told.
    pub async fn cancel(&self, order: &str) -> (StatusCode, Value) {
        let path = format!("/orders/{order}/cancel");
        self.client.call(Method::POST, Program::Order, &path, None).await.expect("an answer")
    }

    /// Stops all programs in good order, once all that was begun has ended well.
    pub async fn close(self) {
        self.in_order().await;
        self.shut().await;
    }

    /// Stops all programs in good order, whatever is under way: for stores whose gateway was also called by hand.
    pub async fn shut(mut self) {
        if let Some(store) = self.store.take() {
            store.stop().await;
        }
    }
}

/// A test that failed does not close: the programs must end before their runtime does, or their Kafka clients hang it.
impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(store) = self.store.take() {
            tokio::task::block_in_place(|| Handle::current().block_on(store.stop()));
        }
    }
}
