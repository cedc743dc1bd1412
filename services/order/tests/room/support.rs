//! A service on a database of its own, with a clock that the test moves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use events::{Event, OrderCreated, topics};
use kernel::clock::SystemIds;
use kernel::event::Event as _;
use kernel::{Body as EventBody, Clock, EventId, Ids as _, OrderId, Timestamp};
use messaging::{Cause, Handler as _, Metadata, Received, Runtime, Silent, TraceContext};
use order::config::OrderArgs;
use order::consumer::OrderHandler;
use order::http::{AppState, Desk};
use order::signals::Outage;
use order::store::{Loaded, Store};
use order::sweeper::Sweeper;
use order::watchers::Watchers;
use serde_json::{Value, json};
use service_kit::{App, Lifecycle};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgPool};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::samples::listed;

/// Nothing a test waits for takes longer.
pub const WITHIN: Duration = Duration::from_secs(20);
const START_S: i64 = 1_800_000_000;

/// Stands still until it is moved.
#[derive(Debug)]
pub struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub struct Room {
    pub pool: PgPool,
    pub router: Router,
    pub state: AppState,
    pub handler: OrderHandler,
    pub sweeper: Sweeper,
    clock: Arc<Hands>,
    admin_url: String,
    database: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The pointers of a problem, and the end of its type.
    pub fn problem(&self) -> (String, Vec<String>) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert_eq!(json["trace_id"].as_str().map(str::len), Some(32), "{json}");
        let slug = json["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        (slug, errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect())
    }
}

impl Room {
    pub async fn open() -> Self {
        Self::open_with(OrderArgs::default()).await
    }

    pub async fn open_with(settings: OrderArgs) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let shared = stack::shared_for_tests().await.expect("a Postgres to test against");
        let database = format!("order_room_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let admin_url = shared.endpoints().postgres_admin_url.clone();
        let role_url =
            stack::create_service_database(&admin_url, &database, &database, "secret", false).await.unwrap();
        let admin: PgConnectOptions = admin_url.parse().unwrap();
        let migrators = [&messaging::migrations::MIGRATOR, &order::MIGRATOR];
        service_kit::database::migrate(&admin.database(&database), Some(&database), &migrators)
            .await
            .unwrap();
        let pool = service_kit::database::connect(&role_url, "order room", 8).unwrap();
        Self::with_pool(pool, settings, admin_url, database)
    }

    fn with_pool(pool: PgPool, settings: OrderArgs, admin_url: String, database: String) -> Self {
        let clock = Arc::new(Hands(AtomicI64::new(START_S * 1_000_000)));
        let nowhere = messaging::Settings::new("127.0.0.1:1", "http://127.0.0.1:1");
        let runtime = Runtime::new(
            "order",
            pool.clone(),
            nowhere,
            clock.clone(),
            Arc::new(SystemIds),
            Arc::new(Silent),
        );
        let shutdown = CancellationToken::new();
        let lifecycle = Lifecycle::new("order", shutdown.clone());
        let watchers = Watchers::new(settings.waiters_max);
        let (desk, taking) = Desk::open(runtime.clone(), settings.clone());
        lifecycle.spawn("desk", taking);
        let state = AppState {
            runtime: runtime.clone(),
            desk,
            settings: settings.clone(),
            watchers: watchers.clone(),
            shutdown,
        };
        let own = order::http::routes(state.clone());
        let router =
            App::new(&lifecycle, own, order::http::api()).unhurried(order::http::GET_ORDER).into_router();
        let handler = OrderHandler::new(watchers.clone());
        let sweeper = Sweeper { runtime, settings, outage: Outage::default(), watchers };
        Self { pool, router, state, handler, sweeper, clock, admin_url, database }
    }

    /// As the owner of the tables.
    pub async fn as_admin(&self, sql: &'static str) {
        let admin: PgConnectOptions = self.admin_url.parse().unwrap();
        let mut connection = admin.database(&self.database).connect().await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }

    /// Leaves nothing behind.
    pub async fn close(self) {
        self.state.shutdown.cancel();
        self.pool.close().await;
        let admin: PgConnectOptions = self.admin_url.parse().unwrap();
        let mut connection = admin.connect().await.unwrap();
        for statement in ["DROP DATABASE", "DROP ROLE"] {
            let force = if statement == "DROP DATABASE" { " WITH (FORCE)" } else { "" };
            let sql = format!("{statement} {}{force}", self.database);
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        }
    }

    pub fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes =
            tokio::time::timeout(WITHIN, axum::body::to_bytes(body, usize::MAX)).await.unwrap().unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(path).body(Body::empty()).unwrap()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        let request = Request::put(path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub async fn cancel(&self, id: OrderId) -> Answer {
        self.send(Request::post(format!("/orders/{id}/cancel")).body(Body::empty()).unwrap()).await
    }

    /// A registered customer.
    pub async fn customer(&self) -> Uuid {
        let id = SystemIds.next();
        let answer =
            self.put(&format!("/customers/{id}"), &json!({"name": "Ada", "email": "ada@shop.example"})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        id
    }

    /// A product for sale.
    pub async fn product(&self, sku: &str, amount: i64, currency: &str) {
        self.deliver(1, &listed(sku, amount, currency, self.now())).await;
    }

    /// An order of two pieces of TEA at 350 EUR cents.
    pub async fn order(&self) -> OrderId {
        let customer = self.customer().await;
        self.product("TEA", 350, "EUR").await;
        self.order_of(customer, "TEA").await
    }

    pub async fn order_of(&self, customer: Uuid, sku: &str) -> OrderId {
        let answer = self.post("/orders", &basket(customer, sku).to_string(), &[]).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()["order_id"].as_str().unwrap().parse().unwrap()
    }

    /// The order as callers see it.
    pub async fn see(&self, id: OrderId) -> Value {
        let answer = self.get(&format!("/orders/{id}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }

    /// One event, as messaging hands it over.
    pub async fn deliver(&self, sequence: i64, event: &Event) {
        self.deliver_all(&[(sequence, event.clone())]).await;
    }

    /// A batch of events in one transaction; why each was ignored.
    pub async fn deliver_all(&self, batch: &[(i64, Event)]) -> Vec<Option<&'static str>> {
        let mut keys = BTreeSet::new();
        for (_, event) in batch {
            self.handler.keys(event, &mut keys);
        }
        let mut transaction = self.pool.begin().await.unwrap();
        let mut loaded: Loaded = Store.load(&mut transaction, &keys).await.unwrap();
        let mut ignored = Vec::new();
        let mut all = Vec::new();
        for (sequence, event) in batch {
            let received =
                Received { event: event.clone(), metadata: metadata(*sequence, event, self.now()) };
            let effects = self.handler.decide(&mut loaded, &received, self.now(), &SystemIds).unwrap();
            ignored.push(effects.ignored);
            all.push((effects, Cause::event(&received.metadata)));
        }
        Store.save(&mut transaction, loaded).await.unwrap();
        for (effects, cause) in all {
            let _unsent =
                self.state.runtime.outbox.write(&mut transaction, effects, cause, self.now()).await.unwrap();
        }
        transaction.commit().await.unwrap();
        self.handler.committed(&keys);
        ignored
    }

    /// What would be published under `key`: name and number of each event, in order.
    pub async fn published(&self, key: impl ToString) -> Vec<(String, i64)> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT record, sequence FROM messaging.outbox WHERE key = $1 ORDER BY id")
                .bind(key.to_string())
                .fetch_all(&self.pool)
                .await
                .unwrap();
        rows.into_iter()
            .map(|(record, number)| (record.rsplit('.').next().unwrap().to_owned(), number))
            .collect()
    }

    /// The events that would be published under `key`.
    pub async fn events(&self, topic: &'static str, key: impl ToString) -> Vec<Event> {
        let key = key.to_string();
        let rows: Vec<(String, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT record, datum FROM messaging.outbox WHERE key = $1 AND topic = $2 ORDER BY id",
        )
        .bind(&key)
        .bind(topic)
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let decode = |(record, datum): (String, Option<Vec<u8>>)| match datum {
            None => Event::decode_tombstone(topic, &key).unwrap(),
            Some(datum) => Event::decode(topic, &key, Event::schema_of(&record).unwrap(), &datum).unwrap(),
        };
        rows.into_iter().map(decode).collect()
    }

    pub async fn created(&self, id: OrderId) -> OrderCreated {
        match self.events(topics::ORDERS, id).await.remove(0) {
            Event::OrderCreated(created) => created,
            other => panic!("{other:?}"),
        }
    }

    /// Rows of `sql`, a count.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

/// The same event has the same id, as in the log.
fn metadata(sequence: i64, event: &Event, time: Timestamp) -> Metadata {
    let EventBody::Avro { datum, .. } = event.encode().unwrap() else { panic!("no body: {event:?}") };
    let digest =
        datum.iter().fold(u128::from(u64::MAX), |sum, byte| sum.wrapping_mul(0x100_0193) ^ u128::from(*byte));
    Metadata {
        id: EventId(Uuid::from_u128(digest)),
        time,
        sequence,
        correlation: event.key(),
        causation: None,
        trace: TraceContext::default(),
    }
}

pub fn basket(customer: Uuid, sku: &str) -> Value {
    json!({"customer_id": customer, "lines": [{"sku": sku, "quantity": 2}], "payment_token": "tok_ok"})
}
