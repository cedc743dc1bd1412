//! Table `products`.

use kernel::{Currency, Money, Sequence, Sku};
use messaging::StoreError;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::impossible;
use crate::domain::Product;

#[derive(sqlx::FromRow)]
struct Row {
    sku: String,
    name: String,
    amount_minor: i64,
    currency: String,
    listed_at: OffsetDateTime,
    sequence: i64,
}

/// The product, with its sku locked, also when it is not listed yet: its stock row is made first, and of two who make it
/// the second waits here for the first.
pub async fn lock_for_listing(
    connection: &mut PgConnection,
    sku: &Sku,
) -> Result<Option<Product>, StoreError> {
    sqlx::query("INSERT INTO stock (sku) VALUES ($1) ON CONFLICT (sku) DO NOTHING")
        .bind(sku.as_str())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::doing("make the stock row"))?;
    super::stock::lock(connection, &[sku.as_str()]).await?;
    listed(connection, sku).await
}

/// The product; `None` when it is not listed.
pub async fn listed(executor: impl PgExecutor<'_>, sku: &Sku) -> Result<Option<Product>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT sku, name, amount_minor, currency, listed_at, sequence FROM products WHERE sku = $1",
    )
    .bind(sku.as_str())
    .fetch_optional(executor)
    .await
    .map_err(StoreError::doing("find a product"))?;
    row.map(Row::parse).transpose()
}

/// Those of these products that are listed.
pub(super) async fn known(connection: &mut PgConnection, skus: &[&str]) -> Result<Vec<Product>, StoreError> {
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT sku, name, amount_minor, currency, listed_at, sequence FROM products WHERE sku = ANY($1)",
    )
    .bind(skus)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load products"))?;
    rows.into_iter().map(Row::parse).collect()
}

/// Writes the product; its sku is locked.
pub async fn save_product(connection: &mut PgConnection, product: &Product) -> Result<(), StoreError> {
    save_all(connection, &[product]).await
}

/// Writes products.
pub(super) async fn save_all(connection: &mut PgConnection, products: &[&Product]) -> Result<(), StoreError> {
    if products.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO products (sku, name, amount_minor, currency, listed_at, sequence)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::bigint[])
         ON CONFLICT (sku) DO UPDATE SET name = EXCLUDED.name, amount_minor = EXCLUDED.amount_minor,
             currency = EXCLUDED.currency, listed_at = EXCLUDED.listed_at, sequence = EXCLUDED.sequence",
    )
    .bind(products.iter().map(|product| product.sku.as_str()).collect::<Vec<_>>())
    .bind(products.iter().map(|product| product.name.as_str()).collect::<Vec<_>>())
    .bind(products.iter().map(|product| product.unit_price.amount_minor()).collect::<Vec<_>>())
    .bind(products.iter().map(|product| product.unit_price.currency().to_string()).collect::<Vec<_>>())
    .bind(products.iter().map(|product| OffsetDateTime::from(product.listed_at)).collect::<Vec<_>>())
    .bind(products.iter().map(|product| product.sequence.0).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("save products"))?;
    Ok(())
}

impl Row {
    fn parse(self) -> Result<Product, StoreError> {
        let sku = Sku::parse(&self.sku).map_err(|bad| impossible("products.sku", &self.sku, &bad))?;
        let bad_money = |bad| impossible("products.amount_minor, currency", &self.sku, &bad);
        let currency = Currency::parse(&self.currency).map_err(bad_money)?;
        Ok(Product {
            sku,
            name: self.name,
            unit_price: Money::new(self.amount_minor, currency).map_err(bad_money)?,
            listed_at: self.listed_at.into(),
            sequence: Sequence(self.sequence),
        })
    }
}
