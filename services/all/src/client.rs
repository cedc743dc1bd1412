//! A customer and an operator of the store: the HTTP APIs, as anybody outside would call them.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::launch::{Program, Store};

/// Calls the five programs.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    urls: [String; 5],
}

const CALL_TIMEOUT: Duration = Duration::from_secs(40);

impl Client {
    /// A client of a running store.
    pub fn of(store: &Store) -> anyhow::Result<Self> {
        Self::new(Program::ALL.map(|program| store.url(program).to_owned()))
    }

    /// A client of programs at these addresses, in the order of [`Program::ALL`].
    pub fn new(urls: [String; 5]) -> anyhow::Result<Self> {
        let http =
            reqwest::Client::builder().timeout(CALL_TIMEOUT).build().context("cannot make an HTTP client")?;
        Ok(Self { http, urls })
    }

    /// One call; the status and the JSON of the answer.
    pub async fn call(
        &self,
        method: Method,
        program: Program,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let address = format!("{}{path}", self.urls[program as usize]);
        let mut request = self.http.request(method, &address);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("no answer from {address}"))?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| format!("half an answer from {address}"))?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// One call that must succeed.
    pub async fn ask(
        &self,
        method: Method,
        program: Program,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let (status, answer) = self.call(method, program, path, body.as_ref()).await?;
        if !status.is_success() {
            bail!("{} {path}: {status} {answer}", program.name());
        }
        Ok(answer)
    }

    /// Reads something.
    pub async fn get(&self, program: Program, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, program, path, None).await
    }

    /// Waits until all programs are ready, not even degraded.
    pub async fn ready(&self, within: Duration) -> anyhow::Result<()> {
        let end = tokio::time::Instant::now() + within;
        for program in Program::ALL {
            loop {
                let answer = self.call(Method::GET, program, "/readyz", None).await;
                if answer.as_ref().is_ok_and(|(_, body)| body["status"] == "ready") {
                    break;
                }
                if tokio::time::Instant::now() > end {
                    bail!("{} did not get ready within {within:?}: {answer:?}", program.name());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Lists a product and puts `stock` pieces of it on the shelf; returns when it can be ordered.
    pub async fn product(&self, sku: &str, name: &str, price_minor: i64, stock: u32) -> anyhow::Result<()> {
        let product =
            json!({ "name": name, "unit_price": { "amount_minor": price_minor, "currency": "EUR" } });
        self.ask(Method::PUT, Program::Inventory, &format!("/products/{sku}"), Some(product)).await?;
        if stock > 0 {
            let receipt = json!({ "receipt_id": Uuid::from_u128(receipt_of(sku)), "quantity": stock });
            self.ask(Method::POST, Program::Inventory, &format!("/stock/{sku}/receipts"), Some(receipt))
                .await?;
        }
        let listed = async {
            while self.get(Program::Order, &format!("/products/{sku}")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), listed)
            .await
            .with_context(|| format!("{sku} was never listed"))
    }

    /// Registers a customer.
    pub async fn customer(&self, id: Uuid, name: &str, email: &str) -> anyhow::Result<()> {
        let customer = json!({ "name": name, "email": email });
        self.ask(Method::PUT, Program::Order, &format!("/customers/{id}"), Some(customer)).await.map(drop)
    }

    /// Places an order; returns its id.
    pub async fn place(&self, customer: Uuid, lines: &[(&str, u32)], token: &str) -> anyhow::Result<String> {
        let lines: Vec<Value> =
            lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
        let order = json!({ "customer_id": customer, "lines": lines, "payment_token": token });
        let placed = self.ask(Method::POST, Program::Order, "/orders", Some(order)).await?;
        placed["order_id"].as_str().map(ToOwned::to_owned).context("an order without an id")
    }

    /// Waits for an order to be `decided` or `settled`; fails when it is not in time.
    pub async fn wait(&self, order: &str, until: &str, within: Duration) -> anyhow::Result<Value> {
        let end = tokio::time::Instant::now() + within;
        loop {
            let found = self.get(Program::Order, &format!("/orders/{order}?wait={until}&timeout=5s")).await?;
            let there =
                if until == "settled" { found["settled"] == true } else { found["status"] != "pending" };
            if there {
                return Ok(found);
            }
            if tokio::time::Instant::now() > end {
                bail!("order {order} is not {until} after {within:?}: {found}");
            }
        }
    }

    /// The customer changes their mind.
    pub async fn cancel(&self, order: &str) -> anyhow::Result<Value> {
        self.ask(Method::POST, Program::Order, &format!("/orders/{order}/cancel"), None).await
    }

    /// Kinds of the effects in the gateway's ledger, in order.
    pub async fn ledger(&self, order: &str) -> anyhow::Result<Vec<String>> {
        let ledger = self.get(Program::PaymentGateway, &format!("/ledger?order_id={order}")).await?;
        Ok(texts(&ledger["items"], |item| item["kind"].as_str().map(ToOwned::to_owned)))
    }

    /// Mails of an order as `kind status`, in order.
    pub async fn mails(&self, order: &str) -> anyhow::Result<Vec<String>> {
        let mails = self.get(Program::Email, &format!("/emails?order_id={order}")).await?;
        let mut mails = texts(&mails["items"], |item| {
            Some(format!("{} {}", item["kind"].as_str()?, item["status"].as_str()?))
        });
        mails.sort_by_key(|mail| !mail.starts_with("receipt"));
        Ok(mails)
    }
}

fn texts(items: &Value, text: impl Fn(&Value) -> Option<String>) -> Vec<String> {
    items.as_array().map(|items| items.iter().filter_map(text).collect()).unwrap_or_default()
}

/// The same receipt for the same sku: a repeat is recognised.
fn receipt_of(sku: &str) -> u128 {
    sku.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_0000_013b)
    })
}
