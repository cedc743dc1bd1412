//! Table `products`: the copy orders are priced with.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Seen, Sku};
use messaging::StoreError;
use sqlx::{FromRow, PgConnection};

use super::columns::{self, impossible};
use crate::domain::Product;

#[derive(FromRow)]
struct ProductRow {
    sku: String,
    name: String,
    unit_price_minor: i64,
    currency: String,
    seen: i64,
}

impl TryFrom<ProductRow> for Product {
    type Error = StoreError;

    fn try_from(row: ProductRow) -> Result<Self, StoreError> {
        let sku = Sku::parse(&row.sku).map_err(|error| impossible("products.sku", &row.sku, error))?;
        let unit_price = columns::money(row.unit_price_minor, &row.currency)
            .ok_or_else(|| impossible("products.unit_price_minor", &row.sku, &row.currency))?;
        Ok(Self { sku, name: row.name, unit_price, seen: Seen(row.seen) })
    }
}

/// Locks and loads the products that are known. `skus` are sorted, as all locks are taken.
pub async fn lock(
    connection: &mut PgConnection,
    skus: &[&str],
) -> Result<BTreeMap<Sku, Product>, StoreError> {
    if skus.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<ProductRow> =
        sqlx::query_as("SELECT * FROM products WHERE sku = ANY($1) ORDER BY sku FOR UPDATE")
            .bind(skus)
            .fetch_all(connection)
            .await
            .map_err(StoreError::doing("load products"))?;
    by_sku(rows)
}

/// Those of these products that are known.
pub async fn known(
    connection: &mut PgConnection,
    skus: &BTreeSet<&str>,
) -> Result<BTreeMap<Sku, Product>, StoreError> {
    let rows: Vec<ProductRow> = sqlx::query_as("SELECT * FROM products WHERE sku = ANY($1)")
        .bind(skus.iter().copied().collect::<Vec<&str>>())
        .fetch_all(connection)
        .await
        .map_err(StoreError::doing("look products up"))?;
    by_sku(rows)
}

fn by_sku(rows: Vec<ProductRow>) -> Result<BTreeMap<Sku, Product>, StoreError> {
    rows.into_iter()
        .map(Product::try_from)
        .map(|product| product.map(|product| (product.sku.clone(), product)))
        .collect()
}

/// Writes products.
pub(super) async fn upsert(connection: &mut PgConnection, products: &[&Product]) -> Result<(), StoreError> {
    if products.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO products (sku, name, unit_price_minor, currency, seen)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[])
         ON CONFLICT (sku) DO UPDATE SET name = excluded.name, unit_price_minor = excluded.unit_price_minor,
             currency = excluded.currency, seen = excluded.seen",
    )
    .bind(products.iter().map(|product| product.sku.as_str()).collect::<Vec<&str>>())
    .bind(products.iter().map(|product| product.name.as_str()).collect::<Vec<&str>>())
    .bind(products.iter().map(|product| product.unit_price.amount_minor()).collect::<Vec<i64>>())
    .bind(products.iter().map(|product| product.unit_price.currency().to_string()).collect::<Vec<String>>())
    .bind(products.iter().map(|product| product.seen.0).collect::<Vec<i64>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("save products"))?;
    Ok(())
}

/// One product.
pub async fn find(connection: &mut PgConnection, sku: &Sku) -> Result<Option<Product>, StoreError> {
    let row: Option<ProductRow> = sqlx::query_as("SELECT * FROM products WHERE sku = $1")
        .bind(sku.as_str())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::doing("find a product"))?;
    row.map(Product::try_from).transpose()
}

/// Products by sku, beyond `after`.
pub async fn list(
    connection: &mut PgConnection,
    after: Option<&Sku>,
    limit: i64,
) -> Result<Vec<Product>, StoreError> {
    let rows: Vec<ProductRow> = sqlx::query_as("SELECT * FROM products WHERE sku > $1 ORDER BY sku LIMIT $2")
        .bind(after.map_or("", Sku::as_str))
        .bind(limit)
        .fetch_all(connection)
        .await
        .map_err(StoreError::doing("list products"))?;
    rows.into_iter().map(Product::try_from).collect()
}
