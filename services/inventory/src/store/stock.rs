//! Table `stock`.

use std::collections::BTreeMap;

use kernel::{Sequence, Sku};
use messaging::StoreError;
use sqlx::{PgConnection, PgExecutor};

use super::impossible;
use crate::domain::Stock;

/// How much of a listed product there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The product.
    pub sku: Sku,
    /// Its name.
    pub name: String,
    /// Pieces.
    pub stock: Stock,
}

#[derive(sqlx::FromRow)]
struct Row {
    sku: String,
    on_hand: i64,
    reserved: i64,
    received: i64,
    sequence: i64,
}

/// Locks by sku. One that was never listed has no row, and nobody else can give it one that matters: without stock every
/// decision about it is a refusal.
pub(super) async fn lock(
    connection: &mut PgConnection,
    skus: &[&str],
) -> Result<BTreeMap<Sku, Stock>, StoreError> {
    if skus.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT sku, on_hand, reserved, received, sequence FROM stock WHERE sku = ANY($1) ORDER BY sku FOR UPDATE",
    )
    .bind(skus)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load stock"))?;
    rows.into_iter().map(Row::parse).collect()
}

/// Adds rows without any pieces; those that are there stay as they are.
pub(super) async fn add(connection: &mut PgConnection, skus: &[&str]) -> Result<(), StoreError> {
    if skus.is_empty() {
        return Ok(());
    }
    sqlx::query("INSERT INTO stock (sku) SELECT * FROM UNNEST($1::text[]) ON CONFLICT (sku) DO NOTHING")
        .bind(skus)
        .execute(connection)
        .await
        .map_err(StoreError::doing("add stock rows"))?;
    Ok(())
}

/// Writes the rows that changed. All of them are there, and locked.
pub(super) async fn save(
    connection: &mut PgConnection,
    stock: &BTreeMap<Sku, Stock>,
    stored: &BTreeMap<Sku, Stock>,
) -> Result<(), StoreError> {
    let changed: Vec<(&Sku, &Stock)> =
        stock.iter().filter(|(sku, row)| stored.get(sku) != Some(row)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let numbers =
        |column: fn(&Stock) -> i64| changed.iter().map(|(_, row)| column(row)).collect::<Vec<i64>>();
    let written = sqlx::query(
        "UPDATE stock SET on_hand = new.on_hand, reserved = new.reserved, received = new.received, sequence = new.sequence
         FROM UNNEST($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
              AS new (sku, on_hand, reserved, received, sequence)
         WHERE stock.sku = new.sku",
    )
    .bind(changed.iter().map(|(sku, _)| sku.as_str()).collect::<Vec<_>>())
    .bind(numbers(|row| row.on_hand))
    .bind(numbers(|row| row.reserved))
    .bind(numbers(|row| row.received))
    .bind(numbers(|row| row.sequence.0))
    .execute(connection)
    .await
    .map_err(StoreError::doing("save stock"))?
    .rows_affected();
    if written == changed.len() as u64 {
        Ok(())
    } else {
        Err(impossible("stock", &format!("{} skus", changed.len()), &format!("only {written} are there")))
    }
}

/// The stock of every listed product after `after`, by sku.
pub async fn levels(
    executor: impl PgExecutor<'_>,
    after: Option<&Sku>,
    limit: i64,
) -> Result<Vec<Level>, StoreError> {
    let rows: Vec<(String, String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT sku, name, on_hand, reserved, received, stock.sequence FROM stock JOIN products USING (sku)
         WHERE sku > $1 ORDER BY sku LIMIT $2",
    )
    .bind(after.map_or("", Sku::as_str))
    .bind(limit)
    .fetch_all(executor)
    .await
    .map_err(StoreError::doing("list stock"))?;
    rows.into_iter().map(parse_level).collect()
}

/// The stock of a product; `None` when it is not listed.
pub async fn level(executor: impl PgExecutor<'_>, sku: &Sku) -> Result<Option<Level>, StoreError> {
    let row: Option<(String, String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT sku, name, on_hand, reserved, received, stock.sequence FROM stock JOIN products USING (sku)
         WHERE sku = $1",
    )
    .bind(sku.as_str())
    .fetch_optional(executor)
    .await
    .map_err(StoreError::doing("find stock"))?;
    row.map(parse_level).transpose()
}

/// Pieces that were ever received, by sku.
pub async fn received(connection: &mut PgConnection) -> Result<BTreeMap<Sku, i64>, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT sku, received FROM stock")
        .fetch_all(connection)
        .await
        .map_err(StoreError::doing("load what was received"))?;
    let parse = |(sku, received): (String, i64)| {
        let sku = Sku::parse(&sku).map_err(|bad| impossible("stock.sku", &sku, &bad))?;
        Ok((sku, received))
    };
    rows.into_iter().map(parse).collect()
}

fn parse_level(row: (String, String, i64, i64, i64, i64)) -> Result<Level, StoreError> {
    let (sku, name, on_hand, reserved, received, sequence) = row;
    let (sku, stock) = Row { sku, on_hand, reserved, received, sequence }.parse()?;
    Ok(Level { sku, name, stock })
}

impl Row {
    fn parse(self) -> Result<(Sku, Stock), StoreError> {
        let Self { sku, on_hand, reserved, received, sequence } = self;
        let sku = Sku::parse(&sku).map_err(|bad| impossible("stock.sku", &sku, &bad))?;
        Ok((sku, Stock { on_hand, reserved, received, sequence: Sequence(sequence) }))
    }
}
