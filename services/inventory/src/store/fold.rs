//! The tables as the log is folded into them.

use std::collections::{BTreeMap, BTreeSet};

use fold::{Detail, Shelf};
use messaging::StoreError;
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

use super::{Postgres, products, receipts, reservations, stock};
use crate::domain::{Product, Warehouse};
use crate::projection::{Facts, Key, Rows};

/// At any moment: what is on hand was received and not sold, what is reserved is held for orders.
const SUMS: &str = "
    WITH lines AS (
        SELECT line ->> 'sku' AS sku, (line ->> 'quantity')::bigint AS quantity, status
        FROM {live}.reservations CROSS JOIN LATERAL jsonb_array_elements(lines) AS line
        WHERE status IN ('reserved', 'committed')),
    held AS (
        SELECT sku, coalesce(sum(quantity) FILTER (WHERE status = 'reserved'), 0)::bigint AS reserved,
               coalesce(sum(quantity) FILTER (WHERE status = 'committed'), 0)::bigint AS sold
        FROM lines GROUP BY sku),
    given AS (SELECT sku, sum(quantity)::bigint AS received FROM {live}.receipts GROUP BY sku),
    both_sides AS (
        SELECT coalesce(s.sku, h.sku, g.sku) AS sku, s.sku IS NOT NULL AS is_live, s.on_hand, s.reserved, s.received,
               coalesce(g.received, 0) AS expected_received, coalesce(h.reserved, 0) AS expected_reserved,
               coalesce(g.received, 0) - coalesce(h.sold, 0) AS expected_on_hand
        FROM {live}.stock AS s
        FULL JOIN held AS h ON h.sku = s.sku
        FULL JOIN given AS g ON g.sku = coalesce(s.sku, h.sku))
    SELECT sku, NULL::text,
           CASE WHEN is_live THEN jsonb_build_object('on_hand', on_hand, 'reserved', reserved, 'received', received) END,
           jsonb_build_object('on_hand', expected_on_hand, 'reserved', expected_reserved, 'received', expected_received)
    FROM both_sides
    WHERE (on_hand, reserved, received) IS DISTINCT FROM (expected_on_hand, expected_reserved, expected_received)
      AND sku <> ALL ($1) AND ($2::text[] IS NULL OR sku = ANY ($2))";

const RECEIPTS: &str = "
    SELECT coalesce(l.sku, f.sku), coalesce(l.receipt_id, f.receipt_id)::text, to_jsonb(l), to_jsonb(f)
    FROM (SELECT * FROM {live}.receipts) AS l FULL JOIN (SELECT * FROM {fold}.receipts) AS f ON l.receipt_id = f.receipt_id
    WHERE l IS DISTINCT FROM f
      AND coalesce(l.sku, f.sku) <> ALL ($1) AND coalesce(f.sku, l.sku) <> ALL ($1)
      AND ($2::text[] IS NULL OR l.sku = ANY ($2) OR f.sku = ANY ($2))";

impl Shelf<Facts> for Postgres {
    fn migrator(&self) -> &'static Migrator {
        &crate::MIGRATOR
    }

    fn details(&self) -> &'static [Detail] {
        &[
            Detail { table: "stock", of: None, query: SUMS },
            Detail { table: "receipts", of: Some("stock"), query: RECEIPTS },
        ]
    }

    async fn load(&self, connection: &mut PgConnection, keys: &BTreeSet<Key>) -> Result<Rows, StoreError> {
        let (mut orders, mut skus) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                Key::Order(order_id) => orders.push(order_id.0),
                Key::Sku(sku) => skus.push(sku.as_str()),
            }
        }
        let reservations = reservations::lock(connection, &orders).await?;
        let stock = stock::lock(connection, &skus).await?;
        let products = products::known(connection, &skus).await?;
        let products = products.into_iter().map(|product| (product.sku.clone(), product));
        let stored = Warehouse { reservations, stock };
        let (products, warehouse) = (products.collect::<BTreeMap<_, _>>(), stored.clone());
        Ok(Rows { warehouse, stored, products, ..Rows::default() })
    }

    async fn save(&self, connection: &mut PgConnection, rows: Rows) -> Result<(), StoreError> {
        let Rows { warehouse, stored, products, listed, receipts } = rows;
        reservations::save(connection, &warehouse.reservations, &stored.reservations).await?;
        let new = warehouse.stock.keys().filter(|sku| !stored.stock.contains_key(sku));
        stock::add(connection, &new.map(kernel::Sku::as_str).collect::<Vec<_>>()).await?;
        stock::save(connection, &warehouse.stock, &stored.stock).await?;
        let changed: Vec<&Product> = listed.iter().filter_map(|sku| products.get(sku)).collect();
        products::save_all(connection, &changed).await?;
        receipts::book_all(connection, &receipts).await
    }
}
