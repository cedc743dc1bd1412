//! Table `orders`: an order as it is now.

use std::collections::BTreeMap;

use events::Line;
use kernel::{CustomerId, OrderId, Seen, Sequence, Timestamp};
use messaging::StoreError;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::columns::{self, impossible};
use crate::domain::{Order, Progress, Tracked};

#[derive(FromRow)]
pub(super) struct OrderRow {
    order_id: Uuid,
    customer_id: Uuid,
    lines: Json<Vec<Line>>,
    total_minor: i64,
    currency: String,
    created_at: OffsetDateTime,
    deadline_at: OffsetDateTime,
    status: String,
    reason: Option<String>,
    confirmed_at: Option<OffsetDateTime>,
    stock: String,
    payment: String,
    updated_at: OffsetDateTime,
    sequence: i64,
    seen_inventory: i64,
    seen_payments: i64,
    changes: i64,
}

impl TryFrom<OrderRow> for Order {
    type Error = StoreError;

    fn try_from(row: OrderRow) -> Result<Self, StoreError> {
        let wrong = |table, detail: &str| impossible(table, row.order_id, detail);
        let status = columns::status(&row.status, row.reason.as_deref())
            .ok_or_else(|| wrong("orders.status", &format!("{} with reason {:?}", row.status, row.reason)))?;
        let confirmed_at = row.confirmed_at.map(Timestamp::from);
        let fate = columns::fate(status, confirmed_at).ok_or_else(|| {
            wrong("orders.confirmed_at", &format!("{confirmed_at:?} of an order that is {}", row.status))
        })?;
        let stock = columns::stock(&row.stock).ok_or_else(|| wrong("orders.stock", &row.stock))?;
        let payment = columns::payment(&row.payment).ok_or_else(|| wrong("orders.payment", &row.payment))?;
        let total = columns::money(row.total_minor, &row.currency)
            .ok_or_else(|| wrong("orders.total_minor", &row.currency))?;
        Ok(Self {
            id: OrderId(row.order_id),
            customer_id: CustomerId(row.customer_id),
            lines: row.lines.0,
            total,
            created_at: row.created_at.into(),
            deadline_at: row.deadline_at.into(),
            fate,
            progress: Progress { stock, payment },
            updated_at: row.updated_at.into(),
            sequence: Sequence(row.sequence),
            seen_inventory: Seen(row.seen_inventory),
            seen_payments: Seen(row.seen_payments),
            changes: row.changes,
        })
    }
}

/// Locks and loads the orders that exist. `ids` are sorted, as all locks are taken.
pub async fn lock(
    connection: &mut PgConnection,
    ids: &[OrderId],
) -> Result<BTreeMap<OrderId, Tracked>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<OrderRow> =
        sqlx::query_as("SELECT * FROM orders WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE")
            .bind(ids)
            .fetch_all(connection)
            .await
            .map_err(StoreError::doing("load orders"))?;
    rows.into_iter()
        .map(Order::try_from)
        .map(|order| order.map(|order| (order.id, Tracked::loaded(order))))
        .collect()
}

/// Adds new orders.
pub async fn insert(connection: &mut PgConnection, new: &[&Tracked]) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let orders = || new.iter().map(|tracked| &tracked.order);
    sqlx::query(
        "INSERT INTO orders (order_id, customer_id, lines, total_minor, currency, created_at, deadline_at, status, stock,
                             payment, updated_at, sequence, seen_inventory, seen_payments, changes, reason, confirmed_at)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::jsonb[], $4::bigint[], $5::text[], $6::timestamptz[],
                              $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::bigint[],
                              $13::bigint[], $14::bigint[], $15::bigint[], $16::text[], $17::timestamptz[])",
    )
    .bind(orders().map(|order| order.id.0).collect::<Vec<Uuid>>())
    .bind(orders().map(|order| order.customer_id.0).collect::<Vec<Uuid>>())
    .bind(orders().map(|order| Json(&order.lines)).collect::<Vec<Json<&Vec<Line>>>>())
    .bind(orders().map(|order| order.total.amount_minor()).collect::<Vec<i64>>())
    .bind(orders().map(|order| order.total.currency().to_string()).collect::<Vec<String>>())
    .bind(orders().map(|order| order.created_at.into()).collect::<Vec<OffsetDateTime>>())
    .bind(orders().map(|order| order.deadline_at.into()).collect::<Vec<OffsetDateTime>>())
    .bind(orders().map(|order| columns::status_text(order.status())).collect::<Vec<&str>>())
    .bind(orders().map(|order| columns::stock_text(order.progress.stock)).collect::<Vec<&str>>())
    .bind(orders().map(|order| columns::payment_text(order.progress.payment)).collect::<Vec<&str>>())
    .bind(orders().map(|order| order.updated_at.into()).collect::<Vec<OffsetDateTime>>())
    .bind(orders().map(|order| order.sequence.0).collect::<Vec<i64>>())
    .bind(orders().map(|order| order.seen_inventory.0).collect::<Vec<i64>>())
    .bind(orders().map(|order| order.seen_payments.0).collect::<Vec<i64>>())
    .bind(orders().map(|order| order.changes).collect::<Vec<i64>>())
    .bind(orders().map(|order| columns::reason_text(order.status())).collect::<Vec<Option<&str>>>())
    .bind(orders().map(|order| columns::confirmed_at(order.fate)).collect::<Vec<Option<OffsetDateTime>>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("store orders"))?;
    Ok(())
}

/// Writes what can change of an order.
pub(super) async fn update(connection: &mut PgConnection, changed: &[&Tracked]) -> Result<(), StoreError> {
    if changed.is_empty() {
        return Ok(());
    }
    let orders = || changed.iter().map(|tracked| &tracked.order);
    sqlx::query(
        "UPDATE orders SET status = n.status, reason = n.reason, confirmed_at = n.confirmed_at, stock = n.stock,
             payment = n.payment, updated_at = n.updated_at, sequence = n.sequence, seen_inventory = n.seen_inventory,
             seen_payments = n.seen_payments, changes = n.changes
         FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::timestamptz[],
                     $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
             AS n (order_id, status, reason, confirmed_at, stock, payment, updated_at, sequence, seen_inventory,
                   seen_payments, changes)
         WHERE orders.order_id = n.order_id",
    )
    .bind(orders().map(|order| order.id.0).collect::<Vec<Uuid>>())
    .bind(orders().map(|order| columns::status_text(order.status())).collect::<Vec<&str>>())
    .bind(orders().map(|order| columns::reason_text(order.status())).collect::<Vec<Option<&str>>>())
    .bind(orders().map(|order| columns::confirmed_at(order.fate)).collect::<Vec<Option<OffsetDateTime>>>())
    .bind(orders().map(|order| columns::stock_text(order.progress.stock)).collect::<Vec<&str>>())
    .bind(orders().map(|order| columns::payment_text(order.progress.payment)).collect::<Vec<&str>>())
    .bind(orders().map(|order| order.updated_at.into()).collect::<Vec<OffsetDateTime>>())
    .bind(orders().map(|order| order.sequence.0).collect::<Vec<i64>>())
    .bind(orders().map(|order| order.seen_inventory.0).collect::<Vec<i64>>())
    .bind(orders().map(|order| order.seen_payments.0).collect::<Vec<i64>>())
    .bind(orders().map(|order| order.changes).collect::<Vec<i64>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("save orders"))?;
    Ok(())
}

/// One order as it is.
pub async fn find(connection: &mut PgConnection, id: OrderId) -> Result<Option<Order>, StoreError> {
    let row: Option<OrderRow> = sqlx::query_as("SELECT * FROM orders WHERE order_id = $1")
        .bind(id.0)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::doing("find an order"))?;
    row.map(Order::try_from).transpose()
}

/// Which orders a list is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Of this customer.
    pub customer_id: Option<CustomerId>,
    /// In this state: `pending`, `confirmed` or `cancelled`.
    pub status: Option<&'static str>,
}

/// Orders, newest first, below `after`.
pub async fn list(
    connection: &mut PgConnection,
    filter: Filter,
    after: Option<OrderId>,
    limit: i64,
) -> Result<Vec<Order>, StoreError> {
    // A plan for each combination of filters: a generic one would not know which index to take.
    let rows: Vec<OrderRow> = sqlx::query_as(
        "SELECT * FROM orders
         WHERE ($1::uuid IS NULL OR customer_id = $1) AND ($2::text IS NULL OR status = $2)
           AND ($3::uuid IS NULL OR order_id < $3)
         ORDER BY order_id DESC LIMIT $4",
    )
    .persistent(false)
    .bind(filter.customer_id.map(|id| id.0))
    .bind(filter.status)
    .bind(after.map(|id| id.0))
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("list orders"))?;
    rows.into_iter().map(Order::try_from).collect()
}

/// Pending orders whose deadline has passed, the longest overdue ones, sorted by id.
pub async fn due(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<OrderId>, StoreError> {
    let mut ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT order_id FROM orders WHERE status = 'pending' AND deadline_at <= $1 ORDER BY deadline_at LIMIT $2",
    )
    .bind(OffsetDateTime::from(now))
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("find due orders"))?;
    ids.sort_unstable();
    Ok(ids.into_iter().map(OrderId).collect())
}

/// How many orders are pending, and how many of them beyond their deadline.
pub async fn count_pending(connection: &mut PgConnection, now: Timestamp) -> Result<(i64, i64), StoreError> {
    sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE deadline_at <= $1) FROM orders WHERE status = 'pending'",
    )
    .bind(OffsetDateTime::from(now))
    .fetch_one(connection)
    .await
    .map_err(StoreError::doing("count pending orders"))
}

/// The number of the last change of each order.
pub async fn change_numbers(
    connection: &mut PgConnection,
    ids: &[OrderId],
) -> Result<Vec<(OrderId, i64)>, StoreError> {
    let rows: Vec<(Uuid, i64)> =
        sqlx::query_as("SELECT order_id, changes FROM orders WHERE order_id = ANY($1)")
            .bind(ids.iter().map(|id| id.0).collect::<Vec<Uuid>>())
            .fetch_all(connection)
            .await
            .map_err(StoreError::doing("look for changes"))?;
    Ok(rows.into_iter().map(|(id, number)| (OrderId(id), number)).collect())
}
