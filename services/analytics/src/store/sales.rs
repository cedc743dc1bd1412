//! Table `sales`.

use kernel::{Currency, Sku, Timestamp};
use messaging::StoreError;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use crate::domain::{Figures, Hour, Product, Sales};

/// What was sold of a product in an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourlySales {
    /// The hour.
    pub hour: Hour,
    /// What was sold.
    pub product: Product,
    /// How much.
    pub sales: Sales,
}

/// Where a page begins: behind the row of this hour, product and currency.
pub type After = (Timestamp, Sku, Currency);

#[derive(sqlx::FromRow)]
struct Row {
    hour: OffsetDateTime,
    sku: String,
    currency: String,
    orders_sold: i64,
    units_sold: i64,
    amount_sold: i64,
    orders_back: i64,
    units_back: i64,
    amount_back: i64,
}

impl Row {
    fn parse(self) -> Result<HourlySales, StoreError> {
        let impossible = |detail: String| StoreError::Impossible {
            table: "sales",
            key: format!("{} {} {}", self.hour, self.sku, self.currency),
            detail,
        };
        let sku = Sku::parse(&self.sku).map_err(|bad| impossible(bad.to_string()))?;
        let currency = Currency::parse(&self.currency).map_err(|bad| impossible(bad.to_string()))?;
        let sold =
            Figures { orders: self.orders_sold, units: self.units_sold, amount_minor: self.amount_sold };
        let back =
            Figures { orders: self.orders_back, units: self.units_back, amount_minor: self.amount_back };
        let sales = Sales { sold, back };
        let is_sound = |figures: Figures| figures.orders.min(figures.units).min(figures.amount_minor) >= 0;
        if !is_sound(back) || !is_sound(sales.net()) {
            return Err(impossible("more was taken back than sold".to_owned()));
        }
        Ok(HourlySales { hour: Hour::of(self.hour.into()), product: Product { sku, currency }, sales })
    }
}

/// Rows whose hour begins at `from` or later and before `to`, of one product or of all, by hour, product and currency.
pub async fn sales(
    pool: &PgPool,
    (from, to): (Timestamp, Timestamp),
    sku: Option<&Sku>,
    after: Option<After>,
    limit: i64,
) -> Result<Vec<HourlySales>, StoreError> {
    let (after_hour, after_sku, after_currency) = match after {
        Some((hour, sku, currency)) => (hour, sku.to_string(), currency.to_string()),
        None => (from, String::new(), String::new()),
    };
    let (lower, after_hour): (OffsetDateTime, OffsetDateTime) = (from.into(), after_hour.into());
    // Each finds its rows, and the first of them, by its own index.
    let query = match sku {
        None => sqlx::query_as(
            "SELECT hour, sku, currency, orders_sold, units_sold, amount_sold, orders_back, units_back, amount_back
             FROM sales WHERE (hour, sku, currency) > ($1, $2, $3) AND hour >= $4 AND hour < $5
             ORDER BY hour, sku, currency LIMIT $6",
        )
        .bind(after_hour)
        .bind(after_sku),
        Some(sku) => sqlx::query_as(
            "SELECT hour, sku, currency, orders_sold, units_sold, amount_sold, orders_back, units_back, amount_back
             FROM sales WHERE sku = $2 AND (hour, currency) > ($1, $3) AND hour >= $4 AND hour < $5
             ORDER BY hour, currency LIMIT $6",
        )
        .bind(after_hour)
        .bind(sku.to_string()),
    };
    let rows: Vec<Row> = query
        .bind(after_currency)
        .bind(lower)
        .bind(OffsetDateTime::from(to))
        .bind(limit)
        .fetch_all(pool)
        .await
        .map_err(StoreError::doing("list sales"))?;
    rows.into_iter().map(Row::parse).collect()
}

pub(super) async fn add(
    connection: &mut PgConnection,
    sales: impl Iterator<Item = (Hour, &Product, &Sales)>,
) -> Result<(), StoreError> {
    let (mut hours, mut skus, mut currencies) = (Vec::<OffsetDateTime>::new(), Vec::new(), Vec::new());
    let mut sums: [Vec<i64>; 6] = Default::default();
    for (hour, product, Sales { sold, back }) in sales {
        hours.push(hour.begin().into());
        skus.push(product.sku.as_str());
        currencies.push(product.currency.to_string());
        let figures =
            [sold.orders, sold.units, sold.amount_minor, back.orders, back.units, back.amount_minor];
        sums.iter_mut().zip(figures).for_each(|(sums, figure)| sums.push(figure));
    }
    if hours.is_empty() {
        return Ok(());
    }
    let [orders_sold, units_sold, amount_sold, orders_back, units_back, amount_back] = sums;
    // A sum that does not fit into a bigint is an error of Postgres: the record is parked, and no figure is wrong.
    sqlx::query(
        "INSERT INTO sales (hour, sku, currency, orders_sold, units_sold, amount_sold, orders_back, units_back, amount_back)
         SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
             $7::bigint[], $8::bigint[], $9::bigint[])
         ON CONFLICT (hour, sku, currency) DO UPDATE SET
             orders_sold = sales.orders_sold + excluded.orders_sold, units_sold = sales.units_sold + excluded.units_sold,
             amount_sold = sales.amount_sold + excluded.amount_sold, orders_back = sales.orders_back + excluded.orders_back,
             units_back = sales.units_back + excluded.units_back, amount_back = sales.amount_back + excluded.amount_back",
    )
    .bind(hours)
    .bind(skus)
    .bind(currencies)
    .bind(orders_sold)
    .bind(units_sold)
    .bind(amount_sold)
    .bind(orders_back)
    .bind(units_back)
    .bind(amount_back)
    .execute(connection)
    .await
    .map_err(StoreError::doing("add to the sales"))?;
    Ok(())
}
