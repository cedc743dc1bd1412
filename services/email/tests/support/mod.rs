//! A database of its own for a test, events as messaging would hand them over, and a running service.
#![expect(dead_code, reason = "each test file takes what it needs")]

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use email::config::MailArgs;
use email::consumer::Email;
use email::store::Store;
use events::{CancelReason, CustomerErased, CustomerRegistered, Event, Line, OrderCancelled, OrderConfirmed};
use kernel::clock::{Clock as _, SystemClock, SystemIds};
use kernel::{Currency, CustomerId, EventId, Ids as _, LineQuantity, Money, OrderId, Sku, Timestamp};
use messaging::{Cause, Handler as _, Metadata, Outbox, Received, Repository as _, TraceContext};
use service_kit::Running;
use service_kit::config::{CorsArgs, DatabaseArgs, HttpArgs, TelemetryArgs};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

pub const NAME: &str = "Ada Lovelace";
pub const ADDRESS: &str = "ada@example.org";

/// Deadline of every wait.
pub const WITHIN: Duration = Duration::from_secs(20);

/// An empty database with the service's tables.
pub struct TestDatabase {
    pub url: String,
    pub pool: PgPool,
    admin_url: String,
    name: String,
}

impl TestDatabase {
    pub async fn create() -> Self {
        let shared = stack::shared_for_tests().await.unwrap();
        let admin_url = shared.endpoints().postgres_admin_url.clone();
        let name = format!("email_{}", SystemIds.next().simple());
        let url = stack::create_service_database(&admin_url, &name, &name, "secret", true).await.unwrap();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let create = format!("GRANT CREATE ON DATABASE {name} TO {name}");
        let mut admin = PgConnection::connect(&admin_url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
        messaging::migrations::MIGRATOR.run(&mut connection).await.unwrap();
        email::MIGRATOR.run(&mut connection).await.unwrap();
        let pool = PgPoolOptions::new().max_connections(3).connect(&url).await.unwrap();
        Self { url, pool, admin_url, name }
    }

    /// Leaves nothing behind.
    pub async fn remove(self) {
        self.pool.close().await;
        let mut admin = PgConnection::connect(&self.admin_url).await.unwrap();
        let name = &self.name;
        for statement in [format!("DROP DATABASE {name} WITH (FORCE)"), format!("DROP ROLE {name}")] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
        }
    }

    /// What messaging does with one record: load, decide, save, outbox, in one transaction; no inbox.
    pub async fn hear(&self, event: Event, sequence: i64) {
        let now = SystemClock.now();
        let metadata = Metadata {
            id: EventId(SystemIds.next()),
            time: now,
            sequence,
            correlation: String::new(),
            causation: None,
            trace: TraceContext::default(),
        };
        let mut keys = BTreeSet::new();
        Email.keys(&event, &mut keys);
        let mut transaction = self.pool.begin().await.unwrap();
        let mut loaded = Store.load(&mut transaction, &keys).await.unwrap();
        let received = Received { event, metadata };
        let effects = Email.decide(&mut loaded, &received, now, &SystemIds).unwrap();
        Store.save(&mut transaction, loaded).await.unwrap();
        let _unsent =
            Outbox::of("email").write(&mut transaction, effects, Cause::default(), now).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Records in the outbox of this order, in the order they were decided. Nothing relays them here.
    pub async fn outbox(&self, order_id: OrderId) -> Vec<(String, i64)> {
        sqlx::query_as("SELECT record, sequence FROM messaging.outbox WHERE key = $1 ORDER BY id")
            .bind(order_id.to_string())
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    pub async fn open_intents(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM messaging.intent").fetch_one(&self.pool).await.unwrap()
    }
}

/// The whole service, answering; Kafka and the registry are away.
pub async fn start(database_url: &str, mail: MailArgs) -> Running {
    let running = start_without_database(database_url, mail).await;
    eventually(|| async {
        let (status, report) = get(&running, "/readyz").await;
        if status == 200 { Ok(()) } else { Err(report.to_string()) }
    })
    .await;
    running
}

/// The whole service, ready or not.
pub async fn start_without_database(database_url: &str, mail: MailArgs) -> Running {
    let mut messaging = messaging::Settings::new("127.0.0.1:1", "http://127.0.0.1:1");
    messaging.retry_cap_ms = 100;
    messaging.poll_ms = 50;
    let config = email::Config {
        http: HttpArgs::loopback(0),
        cors: CorsArgs::default(),
        database: DatabaseArgs::at(database_url),
        telemetry: TelemetryArgs::default(),
        messaging,
        mail,
    };
    email::start(config, CancellationToken::new()).await.unwrap()
}

/// Settings as on an empty command line.
pub fn mail_settings() -> MailArgs {
    let defaults = ["email", "--database-url", "postgres://x@127.0.0.1/x"];
    <email::Config as clap::Parser>::parse_from(defaults).mail
}

/// A folder of its own, removed at the end.
pub struct TestFolder(pub std::path::PathBuf);

impl TestFolder {
    pub fn create() -> Self {
        let folder = std::env::temp_dir().join(format!("counterflow-email-{}", SystemIds.next()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// Asks until the answer is there; panics at the deadline, telling the last answer.
pub async fn eventually<T, F: Future<Output = Result<T, String>>>(mut ask: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + WITHIN;
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    loop {
        pause.tick().await;
        match ask().await {
            Ok(answer) => return answer,
            Err(last) => assert!(tokio::time::Instant::now() < deadline, "still {last}"),
        }
    }
}

pub async fn get(running: &Running, path: &str) -> (u16, serde_json::Value) {
    let response = reqwest::get(format!("{}{path}", running.url())).await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The mails of an order as callers see them, once they are as wanted.
pub async fn mails_become(
    running: &Running,
    order_id: OrderId,
    wanted: &[(&str, &str)],
) -> Vec<serde_json::Value> {
    eventually(|| async {
        let (_, list) = get(running, &format!("/emails?order_id={order_id}")).await;
        let items = list["items"].as_array().unwrap().clone();
        let seen: Vec<_> = items
            .iter()
            .map(|item| (item["kind"].as_str().unwrap(), item["status"].as_str().unwrap()))
            .collect();
        if seen == wanted { Ok(items) } else { Err(format!("{seen:?}")) }
    })
    .await
}

pub fn new_order() -> OrderId {
    OrderId(SystemIds.next())
}

pub fn new_customer() -> CustomerId {
    CustomerId(SystemIds.next())
}

pub fn registered(customer_id: CustomerId) -> Event {
    let (name, email, registered_at) = (NAME.to_owned(), ADDRESS.to_owned(), SystemClock.now());
    Event::CustomerRegistered(CustomerRegistered { customer_id, name, email, registered_at })
}

pub fn erased(customer_id: CustomerId) -> Event {
    Event::CustomerErased(CustomerErased { customer_id })
}

fn lines() -> (Vec<Line>, Money) {
    let total = Money::new(1999, Currency::parse("EUR").unwrap()).unwrap();
    let (sku, quantity) = (Sku::parse("LAMP-1").unwrap(), LineQuantity::parse(1).unwrap());
    (vec![Line { sku, quantity, unit_price: total }], total)
}

pub fn confirmed(order_id: OrderId, customer_id: CustomerId) -> Event {
    let ((lines, total), confirmed_at) = (lines(), SystemClock.now());
    Event::OrderConfirmed(OrderConfirmed { order_id, customer_id, lines, total, confirmed_at })
}

pub fn cancelled(order_id: OrderId, customer_id: CustomerId) -> Event {
    let ((lines, total), reason, cancelled_at) = (lines(), CancelReason::CustomerRequest, SystemClock.now());
    Event::OrderCancelled(OrderCancelled { order_id, customer_id, lines, total, reason, cancelled_at })
}

pub fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}
