//! Table `order_facts`.

use std::collections::{BTreeMap, BTreeSet};

use events::CancelReason;
use kernel::{OrderId, Seen};
use messaging::StoreError;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::Facts;

#[derive(sqlx::FromRow)]
struct Row {
    order_id: Uuid,
    orders_seen: i64,
    placed_at: Option<OffsetDateTime>,
    confirmed_at: Option<OffsetDateTime>,
    cancelled: Option<String>,
}

impl Row {
    fn parse(self) -> Result<(OrderId, Facts), StoreError> {
        let cancelled = self.cancelled.map(|name| {
            let known = REASONS.into_iter().find(|(_, known)| *known == name);
            known.map(|(reason, _)| reason).ok_or_else(|| StoreError::Impossible {
                table: "order_facts.cancelled",
                key: self.order_id.to_string(),
                detail: format!("no reason is called {name}"),
            })
        });
        let facts = Facts {
            orders_seen: Seen(self.orders_seen),
            placed_at: self.placed_at.map(Into::into),
            confirmed_at: self.confirmed_at.map(Into::into),
            cancelled: cancelled.transpose()?,
        };
        Ok((OrderId(self.order_id), facts))
    }
}

const REASONS: [(CancelReason, &str); 6] = [
    (CancelReason::Unknown, "unknown"),
    (CancelReason::OutOfStock, "out_of_stock"),
    (CancelReason::PaymentDeclined, "payment_declined"),
    (CancelReason::CaptureFailed, "capture_failed"),
    (CancelReason::TimedOut, "timed_out"),
    (CancelReason::CustomerRequest, "customer_request"),
];

fn name(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Unknown => "unknown",
        CancelReason::OutOfStock => "out_of_stock",
        CancelReason::PaymentDeclined => "payment_declined",
        CancelReason::CaptureFailed => "capture_failed",
        CancelReason::TimedOut => "timed_out",
        CancelReason::CustomerRequest => "customer_request",
    }
}

pub(super) async fn lock(
    connection: &mut PgConnection,
    ids: &BTreeSet<OrderId>,
) -> Result<BTreeMap<OrderId, Facts>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT order_id, orders_seen, placed_at, confirmed_at, cancelled FROM order_facts
         WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE",
    )
    .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load what is known of orders"))?;
    rows.into_iter().map(Row::parse).collect()
}

pub(super) async fn save(
    connection: &mut PgConnection,
    orders: impl Iterator<Item = (OrderId, &Facts)>,
) -> Result<(), StoreError> {
    let (mut ids, mut seen, mut placed) = (Vec::new(), Vec::new(), Vec::<Option<OffsetDateTime>>::new());
    let (mut confirmed, mut cancelled) = (Vec::<Option<OffsetDateTime>>::new(), Vec::new());
    for (id, facts) in orders {
        ids.push(id.0);
        seen.push(facts.orders_seen.0);
        placed.push(facts.placed_at.map(Into::into));
        confirmed.push(facts.confirmed_at.map(Into::into));
        cancelled.push(facts.cancelled.map(name));
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO order_facts (order_id, orders_seen, placed_at, confirmed_at, cancelled)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[])
         ON CONFLICT (order_id) DO UPDATE SET orders_seen = excluded.orders_seen, placed_at = excluded.placed_at,
             confirmed_at = excluded.confirmed_at, cancelled = excluded.cancelled",
    )
    .bind(ids)
    .bind(seen)
    .bind(placed)
    .bind(confirmed)
    .bind(cancelled)
    .execute(connection)
    .await
    .map_err(StoreError::doing("save what is known of orders"))?;
    Ok(())
}
