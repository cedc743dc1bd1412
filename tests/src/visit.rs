//! A customer and an operator of any store, over HTTP alone: with products and orders of their own, so that it does not matter
//! who else is there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use invariants::{Snapshot, UnderWay, check, collect_orders};
use kernel::clock::SystemIds;
use kernel::{Ids as _, OrderId, Sku};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use storectl::{Client, Program};
use testkit::until;
use uuid::Uuid;

use crate::SOON;

/// Longest for one answer to an order: who was not answered asks again, with the same key.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// What any store offers.
pub struct Visit {
    /// A customer and operator of it.
    pub client: Client,
    /// A registered customer.
    pub customer: Uuid,
    /// Behind each sku.
    mark: String,
    /// How long anything is waited for.
    patience: Duration,
    http: reqwest::Client,
    done: Mutex<Done>,
}

/// What was done at the store.
#[derive(Default)]
struct Done {
    received: BTreeMap<Sku, i64>,
    orders: Vec<OrderId>,
}

impl Visit {
    /// Of a store where others may have products of the same names; the customer is registered.
    pub async fn shared(client: Client) -> Self {
        let unique = SystemIds.next().simple().to_string();
        let visit = Self { mark: format!("-{}", &unique[20..]), ..Self::alone(client) };
        visit.register(visit.customer, "Grace Hopper").await;
        visit
    }

    /// Of a store where nobody else is, a sku is just the name; the customer is not registered yet.
    pub fn alone(client: Client) -> Self {
        Self {
            client,
            customer: SystemIds.next(),
            mark: String::new(),
            patience: SOON,
            http: reqwest::Client::new(),
            done: Mutex::default(),
        }
    }

    /// With more patience than [`SOON`], or less.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Registers a customer.
    pub async fn register(&self, id: Uuid, name: &str) {
        let customer = json!({ "name": name, "email": "customer@example.org" });
        self.ask(Method::PUT, Program::Order, &format!("/customers/{id}"), Some(&customer)).await;
    }

    /// Where a program answers.
    pub fn url(&self, program: Program) -> &str {
        self.client.url(program)
    }

    /// Puts so many pieces of a new product on the shelf; returns when it can be ordered.
    pub async fn shelf(&self, name: &str, price_minor: i64, pieces: u32) {
        let sku = self.sku(name);
        let price = json!({ "amount_minor": price_minor, "currency": "EUR" });
        let product = json!({ "name": name, "unit_price": price });
        self.ask(Method::PUT, Program::Inventory, &format!("/products/{sku}"), Some(&product)).await;
        if pieces > 0 {
            let receipt = json!({ "receipt_id": SystemIds.next(), "quantity": pieces });
            self.ask(Method::POST, Program::Inventory, &format!("/stock/{sku}/receipts"), Some(&receipt))
                .await;
        }
        self.ask(Method::GET, Program::Order, &format!("/products/{sku}"), None).await;
        let sku = Sku::parse(&sku).expect("a sku");
        self.with(|done| done.received.insert(sku, i64::from(pieces)));
    }

    /// More of a product that was put on the shelf before.
    pub async fn restock(&self, name: &str, pieces: u32) {
        let sku = self.sku(name);
        let receipt = json!({ "receipt_id": SystemIds.next(), "quantity": pieces });
        self.ask(Method::POST, Program::Inventory, &format!("/stock/{sku}/receipts"), Some(&receipt)).await;
        let sku = Sku::parse(&sku).expect("a sku");
        self.with(|done| *done.received.entry(sku).or_default() += i64::from(pieces));
    }

    /// The orders that were accepted.
    pub fn orders(&self) -> Vec<OrderId> {
        self.with(|done| done.orders.clone())
    }

    /// An order that was accepted some other way.
    pub fn placed(&self, order: OrderId) {
        self.with(|done| done.orders.push(order));
    }

    /// What was put on the shelves.
    pub fn received(&self) -> BTreeMap<Sku, i64> {
        self.with(|done| done.received.clone())
    }

    /// The customer orders.
    pub async fn order(&self, lines: &[(&str, u32)], token: &str) -> String {
        self.order_of(self.customer, lines, token).await
    }

    /// Another customer orders; again with the same key for as long as the service asks to come back later.
    pub async fn order_of(&self, customer: Uuid, lines: &[(&str, u32)], token: &str) -> String {
        let key = SystemIds.next();
        until("the order is accepted", self.patience, || self.ask_once(customer, lines, token, key)).await
    }

    /// A customer asks for an order, once: its id, or what was answered instead. To ask again with the same key is to ask for
    /// the same order.
    pub async fn ask_once(
        &self,
        customer: Uuid,
        lines: &[(&str, u32)],
        token: &str,
        key: Uuid,
    ) -> Result<String, String> {
        let lines: Vec<Value> = lines
            .iter()
            .map(|(name, quantity)| json!({ "sku": self.sku(name), "quantity": quantity }))
            .collect();
        let order = json!({ "customer_id": customer, "lines": lines, "payment_token": token });
        let request = self.http.post(format!("{}/orders", self.url(Program::Order))).timeout(ANSWERED_WITHIN);
        let request = request.header("Idempotency-Key", key.to_string()).json(&order);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let (status, text) = (answer.status(), answer.text().await.map_err(|error| error.to_string())?);
        if status != StatusCode::CREATED {
            return Err(format!("{status} {text}"));
        }
        let placed: Value = serde_json::from_str(&text).expect("an order is JSON");
        let id = placed["order_id"].as_str().expect("an order has an id").to_owned();
        self.with(|done| done.orders.push(OrderId(Uuid::parse_str(&id).expect("an id is a UUID"))));
        Ok(id)
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
        until(format!("the order is {state}"), self.patience, async || {
            let found = self.client.get(Program::Order, &path).await.map_err(|error| format!("{error:#}"))?;
            if is_there(&found) { Ok(found) } else { Err(found.to_string()) }
        })
        .await
    }

    /// A call that must succeed, made again until it does: a busy machine is not what is tested.
    async fn ask(&self, method: Method, program: Program, path: &str, body: Option<&Value>) {
        until(format!("{method} {path} succeeds"), self.patience, async || {
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

    /// Waits until nothing of what was done here is under way any more, then checks every invariant of it.
    pub async fn in_order(&self) -> Snapshot {
        let addresses = self.client.addresses();
        let snapshot = until("what was ordered has come to its end", self.patience, async || {
            let (received, orders) = (self.received(), self.with(|done| done.orders.clone()));
            let look = collect_orders(&self.http, &addresses, received, &orders).await;
            let snapshot = look.map_err(|error| error.to_string())?;
            match snapshot.unfinished() {
                none if none.is_empty() => Ok(snapshot),
                some => Err(under_way(&some)),
            }
        })
        .await;
        all_hold(&snapshot);
        snapshot
    }

    /// What a product is called at the store.
    pub fn sku(&self, name: &str) -> String {
        format!("{name}{}", self.mark)
    }

    fn with<T>(&self, what: impl FnOnce(&mut Done) -> T) -> T {
        what(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is waited for.
pub(crate) fn under_way(unfinished: &[UnderWay]) -> String {
    let sentences: Vec<String> = unfinished.iter().map(ToString::to_string).collect();
    format!("{} under way:\n{}", sentences.len(), sentences.join("\n"))
}

/// Fails when an invariant does not hold.
#[track_caller]
pub(crate) fn all_hold(snapshot: &Snapshot) {
    let violations: Vec<String> = check(snapshot).iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}
