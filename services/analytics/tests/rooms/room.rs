//! A running service with a database of its own.

use analytics::consumer::Analytics;
use analytics::store::Store;
use analytics::{LISTENER, MIGRATOR};
use events::{
    CancelReason, Channel, Event, Line, OrderCancelled, OrderConfirmed, OrderCreated, PaymentToken,
};
use kernel::{Currency, CustomerId, LineQuantity, Money, OrderId, Sku, Timestamp};
use listener::Args;
use listener::testing::hear;
use messaging::listener::Heard;
use serde_json::Value;
use service_kit::Running;
use service_kit::config::DatabaseArgs;
use sqlx::PgPool;
use testkit::{Database, Parts};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub struct Room {
    pub pool: PgPool,
    pub running: Running,
    _database: Database,
}

impl Room {
    pub async fn open() -> Self {
        let parts = Parts::shared().await.unwrap();
        let migrators = [&messaging::migrations::MIGRATOR, &MIGRATOR];
        let database = parts.database(&Parts::unique(), LISTENER.name, &migrators).await.unwrap();
        let running = start(DatabaseArgs { migrate: false, ..DatabaseArgs::at(database.url()) }).await;
        Self { pool: database.pool().await.unwrap(), running, _database: database }
    }

    pub async fn hear(&self, event: Event, sequence: i64) -> anyhow::Result<Heard> {
        hear(&self.pool, &Analytics, &Store, event, sequence).await
    }

    /// An order that is placed and confirmed at these times.
    pub async fn sell(&self, number: u128, lines: Vec<Line>, placed: &str, confirmed: &str) {
        assert_eq!(self.hear(created(number, placed), 1).await.unwrap(), Heard::Kept);
        assert_eq!(self.hear(self::confirmed(number, lines, confirmed), 2).await.unwrap(), Heard::Kept);
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let answer = reqwest::get(format!("{}{path}", self.running.url())).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn items(&self, path: &str) -> Vec<Value> {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body["items"].as_array().unwrap().clone()
    }
}

/// The whole service; Kafka and the registry are away.
pub async fn start(database: DatabaseArgs) -> Running {
    let args = Args::new(0, database, messaging::Settings::new("127.0.0.1:1", "http://127.0.0.1:1"));
    (LISTENER.start)(args, CancellationToken::new()).await.unwrap()
}

pub fn line(sku: &str, quantity: i64, price: i64, currency: &str) -> Line {
    Line {
        sku: Sku::parse(sku).unwrap(),
        quantity: LineQuantity::parse(quantity).unwrap(),
        unit_price: Money::new(price, Currency::parse(currency).unwrap()).unwrap(),
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn common(number: u128) -> (OrderId, CustomerId, Money) {
    let total = Money::new(1, Currency::parse("EUR").unwrap()).unwrap();
    (OrderId(Uuid::from_u128(number)), CustomerId(Uuid::nil()), total)
}

pub fn created(number: u128, when: &str) -> Event {
    let (order_id, customer_id, total) = common(number);
    let (payment_token, created_at) = (PaymentToken::parse("tok_ok").unwrap(), at(when));
    let lines = vec![line("a", 1, 1, "EUR")];
    let (deadline_at, channel) = (created_at, Channel::Unknown);
    OrderCreated { order_id, customer_id, lines, total, payment_token, created_at, deadline_at, channel }
        .into()
}

pub fn confirmed(number: u128, lines: Vec<Line>, when: &str) -> Event {
    let (order_id, customer_id, total) = common(number);
    OrderConfirmed { order_id, customer_id, lines, total, confirmed_at: at(when) }.into()
}

pub fn cancelled(number: u128, lines: Vec<Line>, reason: CancelReason, when: &str) -> Event {
    let (order_id, customer_id, total) = common(number);
    OrderCancelled { order_id, customer_id, lines, total, reason, cancelled_at: at(when) }.into()
}
