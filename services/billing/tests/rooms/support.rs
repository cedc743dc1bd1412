//! A database of its own for each test, and events as they arrive.

use std::collections::BTreeSet;
use std::str::FromStr as _;
use std::time::Duration;

use billing::consumer::{Billing, Loaded};
use billing::store::Payments;
use events::{CancelReason, Channel, Event, OrderCancelled, OrderConfirmed, OrderCreated, PaymentToken};
use kernel::clock::{SystemClock, SystemIds};
use kernel::{Clock as _, Currency, CustomerId, EventId, Ids as _, Money, OrderId, Timestamp};
use messaging::{Cause, Handler as _, Metadata, Outbox, Received, Repository as _, TraceContext};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

/// Longest wait for anything; nothing here takes half of it.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A migrated database; dropped by [`Database::drop_it`].
pub struct Database {
    pub pool: PgPool,
    pub url: String,
    admin_url: String,
    name: String,
}

impl Database {
    pub async fn create() -> Self {
        let database = Self::create_empty().await;
        let options = PgConnectOptions::from_str(&database.admin_url).unwrap().database(&database.name);
        let migrators = [&messaging::migrations::MIGRATOR, &billing::MIGRATOR];
        service_kit::database::migrate(&options, Some(&database.name), &migrators).await.unwrap();
        database
    }

    /// Without any table. The role is called as the database.
    pub async fn create_empty() -> Self {
        let shared = stack::shared_for_tests().await.unwrap();
        let admin_url = shared.endpoints().postgres_admin_url.clone();
        let name = format!("billing_{}", SystemIds.next().simple());
        let url = stack::create_service_database(&admin_url, &name, &name, "secret", false).await.unwrap();
        // A machine that builds other things meanwhile is slow, not away.
        let pool =
            PgPoolOptions::new().max_connections(5).acquire_timeout(DEADLINE).connect_lazy(&url).unwrap();
        Self { pool, url, admin_url, name }
    }

    /// As whom to migrate.
    pub fn migrating_url(&self) -> String {
        let (base, _) = self.admin_url.rsplit_once('/').unwrap();
        format!("{base}/{}", self.name)
    }

    pub async fn drop_it(self) {
        self.pool.close().await;
        let mut admin = PgConnection::connect(&self.admin_url).await.unwrap();
        for statement in
            [format!("DROP DATABASE {} WITH (FORCE)", self.name), format!("DROP ROLE {}", self.name)]
        {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
        }
    }

    /// As the consumer does: one record in one transaction.
    pub async fn handle(&self, event: impl Into<Event>, sequence: i64) {
        self.handle_batch(vec![(event.into(), sequence)]).await;
    }

    /// Several records in one transaction.
    pub async fn handle_batch(&self, batch: Vec<(Event, i64)>) {
        let mut keys = BTreeSet::new();
        for (event, _) in &batch {
            Billing.keys(event, &mut keys);
        }
        let mut transaction = self.pool.begin().await.unwrap();
        let mut loaded = Payments.load(&mut transaction, &keys).await.unwrap();
        let mut decided = Vec::new();
        for (event, sequence) in batch {
            let received = Received { event, metadata: metadata(sequence) };
            let effects = Billing.decide(&mut loaded, &received, now(), &SystemIds).unwrap();
            decided.push(messaging::Decided { effects, at: now(), cause: Cause::event(&received.metadata) });
        }
        Payments.save(&mut transaction, loaded).await.unwrap();
        let _unsent = Outbox::of("billing").write_all(&mut transaction, decided).await.unwrap();
        transaction.commit().await.unwrap();
    }

    pub async fn load(&self, orders: &[OrderId]) -> Loaded {
        let mut transaction = self.pool.begin().await.unwrap();
        Payments.load(&mut transaction, &orders.iter().copied().collect()).await.unwrap()
    }

    /// Names of the events that wait to be published for an order, in order.
    pub async fn published(&self, order_id: OrderId) -> Vec<String> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT record FROM messaging.outbox WHERE topic = 'payments' AND key = $1 ORDER BY id",
        )
        .bind(order_id.to_string())
        .fetch_all(&self.pool)
        .await
        .unwrap();
        names.into_iter().map(|name| name.trim_start_matches("counterflow.payments.").to_owned()).collect()
    }

    /// The numbers of those events.
    pub async fn sequences(&self, order_id: OrderId) -> Vec<i64> {
        sqlx::query_scalar(
            "SELECT sequence FROM messaging.outbox WHERE topic = 'payments' AND key = $1 ORDER BY id",
        )
        .bind(order_id.to_string())
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    /// Orders in the order of their first event.
    pub async fn answered_first(&self) -> Vec<String> {
        let query = "SELECT key FROM messaging.outbox WHERE topic = 'payments' GROUP BY key ORDER BY min(id)";
        sqlx::query_scalar(query).fetch_all(&self.pool).await.unwrap()
    }

    /// Open calls of an order, with their tries.
    pub async fn open_calls(&self, order_id: OrderId) -> Vec<(String, i32)> {
        sqlx::query_as("SELECT kind, attempts FROM messaging.intent WHERE key = $1 ORDER BY id")
            .bind(order_id.to_string())
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    /// As a worker that claimed the call and was not heard of since.
    pub async fn claim_for_ever(&self, order_id: OrderId) {
        let claimed = sqlx::query(
            "UPDATE messaging.intent SET attempts = attempts + 1, lease_owner = 'another', lease_until = 'infinity' WHERE key = $1",
        )
        .bind(order_id.to_string())
        .execute(&self.pool)
        .await
        .unwrap();
        assert_eq!(claimed.rows_affected(), 1);
    }

    /// That worker's lease runs out.
    pub async fn forget_claim(&self, order_id: OrderId) {
        sqlx::query("UPDATE messaging.intent SET lease_until = '-infinity' WHERE key = $1")
            .bind(order_id.to_string())
            .execute(&self.pool)
            .await
            .unwrap();
    }
}

/// Asks until the answer is the wanted one; shows the last answer when the deadline passes.
pub async fn eventually<T: std::fmt::Debug>(ask: impl AsyncFn() -> T, wanted: impl Fn(&T) -> bool) -> T {
    let look = async || testkit::wait::expect(ask().await, |answer| wanted(answer));
    testkit::until("the wanted answer", DEADLINE, look).await
}

pub fn now() -> Timestamp {
    SystemClock.now()
}

fn metadata(sequence: i64) -> Metadata {
    Metadata {
        id: EventId(SystemIds.next()),
        time: now(),
        sequence,
        correlation: String::new(),
        causation: None,
        trace: TraceContext::default(),
    }
}

pub fn order() -> OrderId {
    OrderId(SystemIds.next())
}

pub fn total() -> Money {
    Money::new(3_548, Currency::parse("EUR").unwrap()).unwrap()
}

pub fn created(order_id: OrderId, token: &str) -> Event {
    created_for(order_id, token, total())
}

pub fn created_for(order_id: OrderId, token: &str, total: Money) -> Event {
    OrderCreated {
        order_id,
        customer_id: CustomerId(SystemIds.next()),
        lines: vec![],
        total,
        payment_token: PaymentToken::parse(token).unwrap(),
        created_at: now(),
        deadline_at: now(),
        channel: Channel::Unknown,
    }
    .into()
}

pub fn confirmed(order_id: OrderId) -> Event {
    let customer_id = CustomerId(SystemIds.next());
    OrderConfirmed { order_id, customer_id, lines: vec![], total: total(), confirmed_at: now() }.into()
}

pub fn cancelled(order_id: OrderId) -> Event {
    OrderCancelled {
        order_id,
        customer_id: CustomerId(SystemIds.next()),
        lines: vec![],
        total: total(),
        reason: CancelReason::CustomerRequest,
        cancelled_at: now(),
    }
    .into()
}
