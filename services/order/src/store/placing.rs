//! What placing an order reads and writes: one statement each.

use std::collections::BTreeMap;

use kernel::{CustomerId, Sku};
use messaging::StoreError;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;

use super::columns::{self, impossible};
use super::customers;
use super::idempotency::Answer;
use super::products::{self, ProductRow};
use crate::domain::customer::Standing;
use crate::domain::{Product, Tracked};

/// A row for the customer, if there is one, and one for each product, if there is any.
#[derive(FromRow)]
struct ReadRow {
    known: bool,
    name: Option<String>,
    email: Option<String>,
    #[sqlx(flatten)]
    product: MaybeProduct,
}

#[derive(FromRow)]
struct MaybeProduct {
    sku: Option<String>,
    product_name: Option<String>,
    unit_price_minor: Option<i64>,
    currency: Option<String>,
    seen: Option<i64>,
}

impl From<MaybeProduct> for Option<ProductRow> {
    fn from(row: MaybeProduct) -> Self {
        Some(ProductRow {
            sku: row.sku?,
            name: row.product_name?,
            unit_price_minor: row.unit_price_minor?,
            currency: row.currency?,
            seen: row.seen?,
        })
    }
}

/// The customer and the products a basket names, those that are known, as they are at this moment.
pub async fn read(
    connection: &mut PgConnection,
    customer_id: CustomerId,
    skus: &[&str],
) -> Result<(Standing, BTreeMap<Sku, Product>), StoreError> {
    let rows: Vec<ReadRow> = sqlx::query_as(
        "SELECT c.customer_id IS NOT NULL AS known, c.name, c.email,
                p.sku, p.name AS product_name, p.unit_price_minor, p.currency, p.seen
         FROM (SELECT $1::uuid AS id) AS wanted
         LEFT JOIN customers c ON c.customer_id = wanted.id
         LEFT JOIN products p ON p.sku = ANY($2)",
    )
    .bind(customer_id.0)
    .bind(skus)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("read what an order is placed with"))?;
    let standing = match rows.first() {
        Some(row) if row.known => customers::standing(customer_id, row.name.clone(), row.email.clone())?,
        _ => Standing::Unknown,
    };
    let products = products::by_sku(rows.into_iter().filter_map(|row| row.product.into()).collect())?;
    Ok((standing, products))
}

/// Stores a new order with its first change and, if the request had one, the answer under its key.
pub async fn write(
    connection: &mut PgConnection,
    placed: &Tracked,
    key: Option<&str>,
    answer: &Answer,
) -> Result<(), StoreError> {
    let order = &placed.order;
    let Some(first) = placed.unsaved.first() else {
        return Err(impossible("order_changes", order.id, "an order begins with a change"));
    };
    let done = sqlx::query(
        "WITH placed AS (
             INSERT INTO orders (order_id, customer_id, lines, total_minor, currency, created_at, deadline_at, status, stock,
                                 payment, updated_at, sequence, seen_inventory, seen_payments, changes)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $6, $11, 0, 0, $12)),
         answered AS (
             INSERT INTO idempotency (key, body_hash, order_id, body, created_at)
             SELECT $14, $15, $1, $16, $6 WHERE $14::text IS NOT NULL
             ON CONFLICT (key) DO UPDATE SET body_hash = $15, order_id = $1, body = $16, created_at = $6)
         INSERT INTO order_changes (order_id, number, event_id, status, stock, payment, updated_at)
         VALUES ($1, $12, $13, $8, $9, $10, $6)",
    )
    .bind(order.id.0)
    .bind(order.customer_id.0)
    .bind(Json(&order.lines))
    .bind(order.total.amount_minor())
    .bind(order.total.currency().to_string())
    .bind(OffsetDateTime::from(order.created_at))
    .bind(OffsetDateTime::from(order.deadline_at))
    .bind(columns::status_text(first.after.status))
    .bind(columns::stock_text(first.after.progress.stock))
    .bind(columns::payment_text(first.after.progress.payment))
    .bind(order.sequence.0)
    .bind(first.number)
    .bind(first.event_id.0)
    .bind(key)
    .bind(answer.body_hash.as_slice())
    .bind(answer.body.as_str())
    .execute(connection)
    .await
    .map_err(StoreError::doing("store an order"))?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(impossible("order_changes", order.id, "was not written"))
    }
}
