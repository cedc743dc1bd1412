//! Table `receipts`.

use kernel::{ReceiptId, Sku, StockQuantity};
use messaging::StoreError;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::impossible;
use crate::domain::Receipt;

/// The delivery booked under this id.
pub async fn booked(
    executor: impl PgExecutor<'_>,
    receipt_id: ReceiptId,
) -> Result<Option<Receipt>, StoreError> {
    let row: Option<(String, i64, OffsetDateTime)> =
        sqlx::query_as("SELECT sku, quantity, received_at FROM receipts WHERE receipt_id = $1")
            .bind(receipt_id.0)
            .fetch_optional(executor)
            .await
            .map_err(StoreError::doing("find a receipt"))?;
    let Some((sku, quantity, received_at)) = row else { return Ok(None) };
    let sku = Sku::parse(&sku).map_err(|bad| impossible("receipts.sku", &receipt_id, &bad))?;
    let quantity =
        StockQuantity::parse(quantity).map_err(|bad| impossible("receipts.quantity", &receipt_id, &bad))?;
    Ok(Some(Receipt { receipt_id, sku, quantity, received_at: received_at.into() }))
}

/// Writes the receipt. False when its id was taken meanwhile, for another sku: those of one sku wait for its lock.
pub async fn book(connection: &mut PgConnection, receipt: &Receipt) -> Result<bool, StoreError> {
    Ok(write(connection, std::slice::from_ref(receipt)).await? == 1)
}

/// Writes receipts as the log tells them.
pub(super) async fn book_all(connection: &mut PgConnection, receipts: &[Receipt]) -> Result<(), StoreError> {
    if !receipts.is_empty() {
        write(connection, receipts).await?;
    }
    Ok(())
}

async fn write(connection: &mut PgConnection, receipts: &[Receipt]) -> Result<u64, StoreError> {
    let written = sqlx::query(
        "INSERT INTO receipts (receipt_id, sku, quantity, received_at)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[])
         ON CONFLICT (receipt_id) DO NOTHING",
    )
    .bind(receipts.iter().map(|receipt| receipt.receipt_id.0).collect::<Vec<_>>())
    .bind(receipts.iter().map(|receipt| receipt.sku.as_str()).collect::<Vec<_>>())
    .bind(receipts.iter().map(|receipt| i64::from(receipt.quantity)).collect::<Vec<_>>())
    .bind(receipts.iter().map(|receipt| OffsetDateTime::from(receipt.received_at)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("save receipts"))?;
    Ok(written.rows_affected())
}
