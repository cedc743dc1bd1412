//! Table `order_changes`: each change of an order by its number.

use kernel::{EventId, OrderId};
use messaging::StoreError;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::columns::{self, impossible};
use crate::domain::{Change, Progress, Snapshot, Tracked};
use crate::projection::Told;

#[derive(FromRow)]
struct ChangeRow {
    number: i64,
    event_id: Uuid,
    status: String,
    reason: Option<String>,
    stock: String,
    payment: String,
    updated_at: OffsetDateTime,
}

impl ChangeRow {
    fn parse(self, order_id: OrderId) -> Result<Change, StoreError> {
        let wrong =
            |table, detail: &str| impossible(table, format!("{order_id} number {}", self.number), detail);
        let status = columns::status(&self.status, self.reason.as_deref()).ok_or_else(|| {
            wrong("order_changes.status", &format!("{} with reason {:?}", self.status, self.reason))
        })?;
        let stock = columns::stock(&self.stock).ok_or_else(|| wrong("order_changes.stock", &self.stock))?;
        let payment =
            columns::payment(&self.payment).ok_or_else(|| wrong("order_changes.payment", &self.payment))?;
        let after =
            Snapshot { status, progress: Progress { stock, payment }, updated_at: self.updated_at.into() };
        Ok(Change { number: self.number, event_id: EventId(self.event_id), after })
    }
}

/// Adds the changes that are not stored yet.
pub async fn append(connection: &mut PgConnection, changed: &[&Tracked]) -> Result<(), StoreError> {
    let rows: Vec<(OrderId, Change)> = changed
        .iter()
        .flat_map(|tracked| tracked.unsaved.iter().map(|change| (tracked.order.id, *change)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO order_changes (order_id, number, event_id, status, reason, stock, payment, updated_at)
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                              $8::timestamptz[])",
    )
    .bind(rows.iter().map(|(id, _)| id.0).collect::<Vec<Uuid>>())
    .bind(rows.iter().map(|(_, change)| change.number).collect::<Vec<i64>>())
    .bind(rows.iter().map(|(_, change)| change.event_id.0).collect::<Vec<Uuid>>())
    .bind(rows.iter().map(|(_, change)| columns::status_text(change.after.status)).collect::<Vec<&str>>())
    .bind(rows.iter().map(|(_, change)| columns::reason_text(change.after.status)).collect::<Vec<Option<&str>>>())
    .bind(rows.iter().map(|(_, change)| columns::stock_text(change.after.progress.stock)).collect::<Vec<&str>>())
    .bind(rows.iter().map(|(_, change)| columns::payment_text(change.after.progress.payment)).collect::<Vec<&str>>())
    .bind(rows.iter().map(|(_, change)| change.after.updated_at.into()).collect::<Vec<OffsetDateTime>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("save changes of orders"))?;
    Ok(())
}

/// Adds changes as the log tells them, in the tables it is folded into: with the topic and the time of each event.
pub(super) async fn append_told(connection: &mut PgConnection, told: &[Told]) -> Result<(), StoreError> {
    if told.is_empty() {
        return Ok(());
    }
    let changes = || told.iter().map(|told| told.change);
    let happened = |told: &Told| told.happened_at.map(OffsetDateTime::from);
    sqlx::query(
        "INSERT INTO order_changes (order_id, number, event_id, status, reason, stock, payment, updated_at, topic, happened_at)
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                              $8::timestamptz[], $9::text[], $10::timestamptz[])",
    )
    .bind(told.iter().map(|told| told.order_id.0).collect::<Vec<Uuid>>())
    .bind(changes().map(|change| change.number).collect::<Vec<i64>>())
    .bind(changes().map(|change| change.event_id.0).collect::<Vec<Uuid>>())
    .bind(changes().map(|change| columns::status_text(change.after.status)).collect::<Vec<&str>>())
    .bind(changes().map(|change| columns::reason_text(change.after.status)).collect::<Vec<Option<&str>>>())
    .bind(changes().map(|change| columns::stock_text(change.after.progress.stock)).collect::<Vec<&str>>())
    .bind(changes().map(|change| columns::payment_text(change.after.progress.payment)).collect::<Vec<&str>>())
    .bind(changes().map(|change| change.after.updated_at.into()).collect::<Vec<OffsetDateTime>>())
    .bind(told.iter().map(|told| told.topic).collect::<Vec<&str>>())
    .bind(told.iter().map(happened).collect::<Vec<Option<OffsetDateTime>>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("save changes of folded orders"))?;
    Ok(())
}

/// The changes of an order beyond number `after`, in order, at most `limit`.
pub async fn after(
    connection: &mut PgConnection,
    order_id: OrderId,
    after: i64,
    limit: i64,
) -> Result<Vec<Change>, StoreError> {
    let rows: Vec<ChangeRow> = sqlx::query_as(
        "SELECT number, event_id, status, reason, stock, payment, updated_at FROM order_changes
         WHERE order_id = $1 AND number > $2 ORDER BY number LIMIT $3",
    )
    .bind(order_id.0)
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load changes of an order"))?;
    rows.into_iter().map(|row| row.parse(order_id)).collect()
}
