//! Table `products`.

use kernel::{Currency, Money, Sequence, Sku};
use messaging::StoreError;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::impossible;
use crate::domain::Product;

#[derive(sqlx::FromRow)]
struct Row {
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
        "SELECT name, amount_minor, currency, listed_at, sequence FROM products WHERE sku = $1",
    )
    .bind(sku.as_str())
    .fetch_optional(executor)
    .await
    .map_err(StoreError::doing("find a product"))?;
    row.map(|row| row.parse(sku)).transpose()
}

/// Writes the product; its sku is locked.
pub async fn save_product(connection: &mut PgConnection, product: &Product) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO products (sku, name, amount_minor, currency, listed_at, sequence) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (sku) DO UPDATE SET name = EXCLUDED.name, amount_minor = EXCLUDED.amount_minor,
             currency = EXCLUDED.currency, listed_at = EXCLUDED.listed_at, sequence = EXCLUDED.sequence",
    )
    .bind(product.sku.as_str())
    .bind(&product.name)
    .bind(product.unit_price.amount_minor())
    .bind(product.unit_price.currency().to_string())
    .bind(OffsetDateTime::from(product.listed_at))
    .bind(product.sequence.0)
    .execute(connection)
    .await
    .map_err(StoreError::doing("save a product"))?;
    Ok(())
}

impl Row {
    fn parse(self, sku: &Sku) -> Result<Product, StoreError> {
        let bad_money = |bad| impossible("products.amount_minor, currency", sku, &bad);
        let currency = Currency::parse(&self.currency).map_err(bad_money)?;
        Ok(Product {
            sku: sku.clone(),
            name: self.name,
            unit_price: Money::new(self.amount_minor, currency).map_err(bad_money)?,
            listed_at: self.listed_at.into(),
            sequence: Sequence(self.sequence),
        })
    }
}
