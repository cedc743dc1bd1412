//! A warehouse with a database of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use inventory::consumer::{Inventory, Key};
use inventory::store::Postgres;
use kernel::clock::{Clock as _, Ids as _, SystemClock, SystemIds};
use messaging::{
    Cause, Handler as _, Metadata, Received, Refused, Repository as _, Runtime, Settings, Silent,
};
use serde_json::Value;
use service_kit::{App, Lifecycle};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgPool};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// A warehouse in a test. Call [`Room::close`] at the end: it takes the database away.
pub struct Room {
    pub pool: PgPool,
    runtime: Runtime,
    router: Router,
    admin: PgConnectOptions,
    name: String,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: Value,
}

/// A row of the outbox: topic, key, record, sequence.
pub type Unsent = (String, String, String, i64);

impl Room {
    pub async fn open() -> anyhow::Result<Self> {
        let shared = stack::shared_for_tests().await?;
        let admin_url = &shared.endpoints().postgres_admin_url;
        let name = format!("inventory_{}", SystemIds.next().simple());
        let url = stack::create_service_database(admin_url, &name, &name, "secret", false).await?;
        let admin: PgConnectOptions = admin_url.parse()?;
        let migrators = [&messaging::migrations::MIGRATOR, &inventory::MIGRATOR];
        service_kit::database::migrate(&admin.clone().database(&name), Some(&name), &migrators).await?;
        let pool = service_kit::database::connect(&url, "inventory rooms", 8)?;
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
        let nowhere = Settings::new("127.0.0.1:1", "http://127.0.0.1:1");
        let runtime = Runtime::new("inventory", pool.clone(), nowhere, clock, ids, Arc::new(Silent));
        let lifecycle = Lifecycle::new("inventory", CancellationToken::new());
        let router = App::new(&lifecycle, inventory::http::routes(runtime.clone()), inventory::http::api())
            .into_router();
        Ok(Self { pool, runtime, router, admin, name })
    }

    pub async fn close(self) -> anyhow::Result<()> {
        self.pool.close().await;
        let mut admin = self.admin.connect().await?;
        for statement in
            [format!("DROP DATABASE {} WITH (FORCE)", self.name), format!("DROP ROLE {}", self.name)]
        {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await?;
        }
        Ok(())
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::PUT, path, body.to_string()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::POST, path, body.to_string()).await
    }

    pub async fn send_json(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let request =
            Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, headers, body }
    }

    /// Lists a product and brings pieces of it.
    pub async fn stock(&self, sku: &str, pieces: i64) {
        let price = serde_json::json!({"amount_minor": 100, "currency": "EUR"});
        let listed = self
            .put(&format!("/products/{sku}"), serde_json::json!({"name": sku, "unit_price": price}))
            .await;
        assert!(listed.status.is_success(), "{listed:?}");
        let receipt = serde_json::json!({"receipt_id": SystemIds.next(), "quantity": pieces});
        let booked = self.post(&format!("/stock/{sku}/receipts"), receipt).await;
        assert_eq!(booked.status, StatusCode::CREATED, "{booked:?}");
    }

    /// On hand, reserved, available.
    pub async fn pieces(&self, sku: &str) -> [i64; 3] {
        let level = self.get(&format!("/stock/{sku}")).await.body;
        ["on_hand", "reserved", "available"].map(|name| level[name].as_i64().unwrap())
    }

    pub async fn status(&self, order: kernel::OrderId) -> String {
        let reservation = self.get(&format!("/reservations/{order}")).await;
        assert_eq!(reservation.status, StatusCode::OK, "{reservation:?}");
        reservation.body["status"].as_str().unwrap().to_owned()
    }

    /// Handles events in one transaction as the consumer does, without its inbox.
    pub async fn hear(&self, batch: &[Received<events::Event>]) -> anyhow::Result<()> {
        let handler = Inventory;
        let mut keys = BTreeSet::<Key>::new();
        for received in batch {
            handler.keys(&received.event, &mut keys);
        }
        let mut transaction = self.pool.begin().await?;
        let mut loaded = Postgres.load(&mut transaction, &keys).await?;
        let now = SystemClock.now();
        for received in batch {
            let effects = handler
                .decide(&mut loaded, received, now, &SystemIds)
                .map_err(|Refused(reason)| anyhow::anyhow!(reason))?;
            let cause = Cause::event(&received.metadata);
            let _unsent = self.runtime.outbox.write(&mut transaction, effects, cause, now).await?;
        }
        Postgres.save(&mut transaction, loaded).await?;
        transaction.commit().await.context("commit")
    }

    /// What waits to be published, oldest first.
    pub async fn unsent(&self) -> Vec<Unsent> {
        sqlx::query_as("SELECT topic, key, record, sequence FROM messaging.outbox ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    /// What waits to be published under `key`: record without namespace, sequence.
    pub async fn unsent_of(&self, key: impl ToString) -> Vec<(String, i64)> {
        let key = key.to_string();
        let rows = self.unsent().await.into_iter().filter(|row| row.1 == key);
        rows.map(|(_, _, record, sequence)| (record.rsplit('.').next().unwrap().to_owned(), sequence))
            .collect()
    }
}

/// An event with this number, as it would arrive.
pub fn arrived(event: impl Into<events::Event>, sequence: i64) -> Received<events::Event> {
    let event = event.into();
    let metadata = Metadata {
        id: kernel::EventId(SystemIds.next()),
        time: SystemClock.now(),
        sequence,
        correlation: kernel::Event::key(&event),
        causation: None,
        trace: messaging::TraceContext::default(),
    };
    Received { event, metadata }
}
