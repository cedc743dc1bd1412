//! A customer and an operator of the store: the HTTP APIs, as anybody outside would call them.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use invariants::Addresses;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::programs::Program;

/// Calls the five programs.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    urls: [String; 5],
}

/// An order that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its id.
    pub order_id: String,
    /// The trace that follows it, 32 hexadecimal digits, when the store tells.
    pub trace_id: Option<String>,
}

const CALL_TIMEOUT: Duration = Duration::from_secs(40);
const LISTED_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Client {
    /// A client of programs at these addresses, in the order of [`Program::ALL`].
    pub fn new(urls: [String; 5]) -> anyhow::Result<Self> {
        // A store is on this machine or near it: proxies are for what is far away.
        let http = reqwest::Client::builder().no_proxy().timeout(CALL_TIMEOUT).build();
        Ok(Self { http: http.context("cannot make an HTTP client")?, urls })
    }

    /// Where a program answers.
    pub fn url(&self, program: Program) -> &str {
        &self.urls[program as usize]
    }

    /// Where all of them answer, for the checker of the invariants.
    pub fn addresses(&self) -> Addresses {
        let [order, inventory, billing, email, payment_gateway] = self.urls.clone();
        Addresses { order, inventory, billing, email, payment_gateway }
    }

    /// What it calls with.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// One call; the status and the JSON of the answer.
    pub async fn call(
        &self,
        method: Method,
        program: Program,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let (status, _, text) = self.exchange(method, program, path, body).await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    async fn exchange(
        &self,
        method: Method,
        program: Program,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, HeaderMap, String)> {
        let address = format!("{}{path}", self.url(program));
        let mut request = self.http.request(method, &address);
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut answer = request.send().await.with_context(|| format!("no answer from {address}"))?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        let text = answer.text().await.with_context(|| format!("half an answer from {address}"))?;
        Ok((status, headers, text))
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
        self.all_are(&["ready"], within).await
    }

    /// Waits until all programs take calls, whatever they lack behind.
    pub async fn serving(&self, within: Duration) -> anyhow::Result<()> {
        self.all_are(&["ready", "degraded"], within).await
    }

    async fn all_are(&self, good: &[&str], within: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + within;
        for program in Program::ALL {
            let what = || format!("{} at {} is {}", program.name(), self.url(program), good[0]);
            until(end, what, async || {
                let (status, answer) = self.call(Method::GET, program, "/readyz", None).await?;
                match answer["status"].as_str() {
                    Some(state) if good.contains(&state) => Ok(()),
                    _ => bail!("/readyz answered {status} {answer}"),
                }
            })
            .await?;
        }
        Ok(())
    }

    /// Lists a product and puts `stock` pieces of it on the shelf; returns when it can be ordered.
    pub async fn product(&self, sku: &str, name: &str, price_minor: i64, stock: u32) -> anyhow::Result<()> {
        self.list(sku, name, price_minor).await?;
        if stock > 0 {
            self.receive(sku, stock).await?;
        }
        self.orderable(sku, Instant::now() + LISTED_WITHIN).await
    }

    /// Puts a product up for sale.
    pub async fn list(&self, sku: &str, name: &str, price_minor: i64) -> anyhow::Result<()> {
        let price = json!({ "amount_minor": price_minor, "currency": "EUR" });
        let product = json!({ "name": name, "unit_price": price });
        self.ask(Method::PUT, Program::Inventory, &format!("/products/{sku}"), Some(product)).await.map(drop)
    }

    /// Puts `stock` pieces on the shelf, once however often it is called.
    pub async fn receive(&self, sku: &str, stock: u32) -> anyhow::Result<()> {
        let receipt = json!({ "receipt_id": Uuid::from_u128(receipt_of(sku)), "quantity": stock });
        self.ask(Method::POST, Program::Inventory, &format!("/stock/{sku}/receipts"), Some(receipt))
            .await
            .map(drop)
    }

    /// Waits until the order service has heard of a product.
    pub async fn orderable(&self, sku: &str, end: Instant) -> anyhow::Result<()> {
        let what = || format!("order at {} has heard of {sku}", self.url(Program::Order));
        until(end, what, async || self.get(Program::Order, &format!("/products/{sku}")).await.map(drop)).await
    }

    /// Registers a customer.
    pub async fn customer(&self, id: Uuid, name: &str, email: &str) -> anyhow::Result<()> {
        let customer = json!({ "name": name, "email": email });
        self.ask(Method::PUT, Program::Order, &format!("/customers/{id}"), Some(customer)).await.map(drop)
    }

    /// Places an order.
    pub async fn place(&self, customer: Uuid, lines: &[(&str, u32)], token: &str) -> anyhow::Result<Placed> {
        let lines: Vec<Value> =
            lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
        let order = json!({ "customer_id": customer, "lines": lines, "payment_token": token });
        let (status, headers, text) =
            self.exchange(Method::POST, Program::Order, "/orders", Some(&order)).await?;
        if !status.is_success() {
            bail!("order /orders: {status} {text}");
        }
        let placed: Value = serde_json::from_str(&text).context("an order that is no JSON")?;
        let order_id = placed["order_id"].as_str().context("an order without an id")?.to_owned();
        let trace = headers.get("traceresponse").and_then(|value| trace_id(value.to_str().ok()?));
        Ok(Placed { order_id, trace_id: trace.map(ToOwned::to_owned) })
    }

    /// Waits for an order to be `decided` or `settled`; fails when it is not in time.
    pub async fn wait(&self, order: &str, until: &str, within: Duration) -> anyhow::Result<Value> {
        let end = Instant::now() + within;
        loop {
            let found = self.get(Program::Order, &format!("/orders/{order}?wait={until}&timeout=5s")).await?;
            let there =
                if until == "settled" { found["settled"] == true } else { found["status"] != "pending" };
            if there {
                return Ok(found);
            }
            if Instant::now() > end {
                bail!("order {order} is not {until} after {within:?}: {found}");
            }
        }
    }

    /// The customer changes their mind.
    pub async fn cancel(&self, order: &str) -> anyhow::Result<Value> {
        self.ask(Method::POST, Program::Order, &format!("/orders/{order}/cancel"), None).await
    }

    /// What a settled order was after each of its changes.
    pub async fn changes(&self, order: &str) -> anyhow::Result<Vec<Value>> {
        let path = format!("/orders/{order}/events");
        let (status, _, text) = self.exchange(Method::GET, Program::Order, &path, None).await?;
        if !status.is_success() {
            bail!("order {path}: {status} {text}");
        }
        let changes = text.lines().filter_map(|line| line.strip_prefix("data:"));
        changes.map(|change| serde_json::from_str(change).context("a change that is no JSON")).collect()
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

/// Asks again until the answer is good, or the time is over; the error says what was waited for, and what was seen last.
pub(crate) async fn until<T>(
    end: Instant,
    what: impl Fn() -> String,
    mut ask: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let gave_up = || format!("gave up waiting until {}", what());
    let mut seen = anyhow!("it did not answer");
    loop {
        match tokio::time::timeout_at(end, ask()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => seen = error,
            Err(_) => return Err(seen.context(gave_up())),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Of a `traceresponse`: `00-<trace id>-<span id>-<flags>`.
fn trace_id(header: &str) -> Option<&str> {
    let id = header.split('-').nth(1)?;
    let is_hex = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then_some(id)
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

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn the_trace_is_read_out_of_a_traceresponse_and_out_of_nothing_else() {
        assert_eq!(trace_id(&format!("00-{TRACE}-00f067aa0ba902b7-01")), Some(TRACE));
        for other in ["", "00", "00-", "00-4bf92f35-00f067aa0ba902b7-01", &"g".repeat(60), TRACE] {
            assert_eq!(trace_id(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn who_waits_in_vain_says_for_whom_and_what_was_seen() {
        // Nobody listens there: the port was free a moment ago, and is closed again.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = Client::new(Program::ALL.map(|_| format!("http://127.0.0.1:{port}"))).unwrap();
        let error = client.serving(Duration::from_millis(200)).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(&format!("order at http://127.0.0.1:{port} is ready")), "{error}");
        assert!(error.contains("no answer from"), "{error}");
    }

    #[test]
    fn a_receipt_is_the_same_for_the_same_sku_alone() {
        assert_eq!(receipt_of("lamp"), receipt_of("lamp"));
        assert_ne!(receipt_of("lamp"), receipt_of("globe"));
    }
}
