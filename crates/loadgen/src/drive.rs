//! Places orders at a steady rate, whatever becomes of those before: an order that has to wait is late from the moment
//! it should have been placed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kernel::Ids as _;
use kernel::clock::SystemIds;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

/// How orders look.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Lines an order.
    pub lines: usize,
    /// Whether somebody waits for each decision.
    pub wait: bool,
    /// Whether its caller records a trace; without a word of the caller the store decides.
    pub recorded: Option<bool>,
}

/// What came of a drive.
#[derive(Debug, Default)]
pub struct Driven {
    /// Orders accepted.
    pub placed: u64,
    /// Calls that failed.
    pub failed: u64,
    /// From the moment an order should have been placed to the answer.
    pub post: Vec<Duration>,
    /// From the moment an order should have been placed until its decision was known.
    pub decided: Vec<Duration>,
}

/// Who orders what.
#[derive(Clone)]
pub struct Shop {
    http: reqwest::Client,
    orders: String,
    customers: Arc<Vec<Uuid>>,
    skus: Arc<Vec<String>>,
    next: Arc<AtomicU64>,
}

/// Orders under way at most: beyond it the store has lost anyway.
const UNDER_WAY_MAX: usize = 20_000;

impl Shop {
    /// Orders at `order_url`.
    pub fn new(http: reqwest::Client, order_url: &str, customers: Vec<Uuid>, skus: Vec<String>) -> Self {
        let (customers, skus) = (Arc::new(customers), Arc::new(skus));
        Self { http, orders: order_url.to_owned(), customers, skus, next: Arc::default() }
    }

    /// Places `rate` orders a second for `length`.
    pub async fn drive(&self, rate: u32, length: Duration, shape: Shape) -> Driven {
        let driven = Arc::new(Mutex::new(Driven::default()));
        let began = Instant::now();
        let step = Duration::from_secs(1) / rate.max(1);
        let mut under_way = JoinSet::new();
        let mut due = began;
        while due < began + length {
            tokio::time::sleep_until(due).await;
            let now_due = due;
            due += step;
            while under_way.try_join_next().is_some() {}
            if under_way.len() >= UNDER_WAY_MAX {
                driven.lock().await.failed += 1;
                continue;
            }
            let (shop, driven) = (self.clone(), driven.clone());
            under_way.spawn(async move { shop.one(now_due, shape, &driven).await });
        }
        while under_way.join_next().await.is_some() {}
        Arc::into_inner(driven).map(Mutex::into_inner).unwrap_or_default()
    }

    /// Places `orders` orders, `at_a_time`, as fast as they are accepted.
    pub async fn rush(&self, orders: u32, at_a_time: u32, shape: Shape) -> Driven {
        let driven = Arc::new(Mutex::new(Driven::default()));
        let mut callers = JoinSet::new();
        for _ in 0..at_a_time {
            let (shop, driven) = (self.clone(), driven.clone());
            callers.spawn(async move {
                for _ in 0..orders / at_a_time {
                    shop.one(Instant::now(), shape, &driven).await;
                }
            });
        }
        while callers.join_next().await.is_some() {}
        Arc::into_inner(driven).map(Mutex::into_inner).unwrap_or_default()
    }

    async fn one(&self, due: Instant, shape: Shape, driven: &Mutex<Driven>) {
        let placed = self.place(shape).await;
        let post = due.elapsed();
        let Ok(order) = placed else {
            driven.lock().await.failed += 1;
            return;
        };
        let decided = if shape.wait { self.decided(&order).await.then(|| due.elapsed()) } else { None };
        let mut driven = driven.lock().await;
        driven.placed += 1;
        driven.post.push(post);
        driven.failed += u64::from(shape.wait && decided.is_none());
        driven.decided.extend(decided);
    }

    async fn place(&self, shape: Shape) -> Result<String, reqwest::Error> {
        let n = usize::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap_or(0);
        let lines: Vec<Value> = (0..shape.lines)
            .map(|line| json!({ "sku": self.skus[(n * 7 + line * 13) % self.skus.len()], "quantity": 1 }))
            .collect();
        let customer = self.customers[n % self.customers.len()];
        let body = json!({ "customer_id": customer, "lines": lines, "payment_token": "tok_ok" });
        let mut request = self.http.post(format!("{}/orders", self.orders)).json(&body);
        if let Some(recorded) = shape.recorded {
            let flags = u8::from(recorded);
            request = request.header(
                "traceparent",
                format!("00-{}-{:016x}-{flags:02x}", SystemIds.next().simple(), n + 1),
            );
        }
        let answer = request.send().await?.error_for_status()?;
        let order: Value = answer.json().await?;
        Ok(order["order_id"].as_str().unwrap_or_default().to_owned())
    }

    async fn decided(&self, order: &str) -> bool {
        let address = format!("{}/orders/{order}?wait=decided&timeout=20s", self.orders);
        let Ok(answer) = self.http.get(address).send().await else { return false };
        answer.json::<Value>().await.is_ok_and(|order| order["status"] == "confirmed")
    }
}
