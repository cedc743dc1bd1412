//! The tables as the log is folded into them.

use std::collections::BTreeSet;

use fold::{Detail, Shelf};
use messaging::StoreError;
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

use super::{Store, changes, customers, orders, products};
use crate::domain::{Customer, Product, Tracked};
use crate::projection::{Facts, Key, Rows};

/// In the order in which the service has met the events, each change must say what its own event tells, and of the rest what the
/// change before it said.
const CHANGES: &str = "
    WITH live AS (
        SELECT order_id, event_id, number, status, reason, stock, payment, updated_at,
               lag(number, 1, 0::bigint) OVER changes + 1 AS next, lag(status, 1, 'pending') OVER changes AS status_before,
               lag(reason) OVER changes AS reason_before, lag(stock, 1, 'pending') OVER changes AS stock_before,
               lag(payment, 1, 'pending') OVER changes AS payment_before, lag(updated_at) OVER changes AS updated_before
        FROM {live}.order_changes
        WHERE order_id::text <> ALL ($1) AND ($2::text[] IS NULL OR order_id::text = ANY ($2))
        WINDOW changes AS (PARTITION BY order_id ORDER BY number)),
    folded AS (
        SELECT order_id, event_id, topic, status, reason, stock, payment, happened_at FROM {fold}.order_changes
        WHERE order_id::text <> ALL ($1) AND ($2::text[] IS NULL OR order_id::text = ANY ($2))),
    both_sides AS (
        SELECT coalesce(l.order_id, f.order_id) AS order_id, coalesce(l.event_id, f.event_id) AS event_id,
               l.order_id IS NOT NULL AS is_live, f.order_id IS NOT NULL AS is_folded,
               l.number, l.status, l.reason, l.stock, l.payment, l.updated_at, l.next,
               CASE f.topic WHEN 'orders' THEN f.status ELSE status_before END AS expected_status,
               CASE f.topic WHEN 'orders' THEN f.reason ELSE reason_before END AS expected_reason,
               CASE f.topic WHEN 'inventory' THEN f.stock ELSE stock_before END AS expected_stock,
               CASE f.topic WHEN 'payments' THEN f.payment ELSE payment_before END AS expected_payment,
               greatest(updated_before, happened_at) AS expected_at
        FROM live AS l FULL JOIN folded AS f ON l.order_id = f.order_id AND l.event_id = f.event_id)
    SELECT order_id::text, event_id::text,
           CASE WHEN is_live THEN jsonb_build_object('number', number, 'status', status, 'reason', reason, 'stock', stock,
                'payment', payment, 'updated_at', updated_at) END,
           CASE WHEN is_folded THEN jsonb_build_object('number', next, 'status', expected_status, 'reason', expected_reason,
                'stock', expected_stock, 'payment', expected_payment, 'updated_at', expected_at) END
    FROM both_sides
    WHERE NOT is_live OR NOT is_folded
       OR (number, status, reason, stock, payment, updated_at) IS DISTINCT FROM
          (next, expected_status, expected_reason, expected_stock, expected_payment, expected_at)";

impl Shelf<Facts> for Store {
    fn migrator(&self) -> &'static Migrator {
        &crate::MIGRATOR
    }

    fn prepare(&self) -> &'static [&'static str] {
        &["ALTER TABLE order_changes ADD COLUMN topic text, ADD COLUMN happened_at timestamptz"]
    }

    fn finish(&self) -> &'static [&'static str] {
        &["ALTER TABLE order_changes DROP COLUMN topic, DROP COLUMN happened_at"]
    }

    fn details(&self) -> &'static [Detail] {
        &[Detail { table: "order_changes", of: Some("orders"), query: CHANGES }]
    }

    async fn load(&self, connection: &mut PgConnection, keys: &BTreeSet<Key>) -> Result<Rows, StoreError> {
        let (mut order_ids, mut skus, mut customer_ids) = (Vec::new(), Vec::new(), BTreeSet::new());
        for key in keys {
            match key {
                Key::Order(id) => order_ids.push(*id),
                Key::Product(sku) => skus.push(sku.as_str()),
                Key::Customer(id) => drop(customer_ids.insert(*id)),
            }
        }
        Ok(Rows {
            orders: orders::lock(connection, &order_ids).await?,
            products: products::lock(connection, &skus).await?,
            customers: customers::known(connection, &customer_ids).await?,
            ..Rows::default()
        })
    }

    async fn save(&self, connection: &mut PgConnection, rows: Rows) -> Result<(), StoreError> {
        let touched = rows.orders.values().filter(|tracked| tracked.touched);
        let (begun, changed): (Vec<&Tracked>, Vec<&Tracked>) =
            touched.partition(|tracked| rows.begun.contains(&tracked.order.id));
        orders::insert(connection, &begun).await?;
        orders::update(connection, &changed).await?;
        changes::append_told(connection, &rows.changes).await?;
        let products: Vec<&Product> =
            rows.changed_products.iter().filter_map(|sku| rows.products.get(sku)).collect();
        products::upsert(connection, &products).await?;
        let customers: Vec<&Customer> =
            rows.changed_customers.iter().filter_map(|id| rows.customers.get(id)).collect();
        customers::save_all(connection, &customers).await
    }
}
