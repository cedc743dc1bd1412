//! Table `reservations`.

use std::collections::BTreeMap;

use events::{ReleasedFrom, StockLine};
use kernel::{OrderId, Seen, Sequence, Timestamp};
use messaging::StoreError;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::impossible;
use crate::domain::{Reservation, State};

#[derive(sqlx::FromRow)]
struct Row {
    order_id: Uuid,
    status: String,
    released_from: Option<String>,
    lines: Json<Vec<StockLine>>,
    updated_at: OffsetDateTime,
    sequence: i64,
    seen: i64,
}

/// Locks by order. An order without a row is safe without a lock: all its events come from one partition, whose position
/// is locked by whoever handles them.
pub(super) async fn lock(
    connection: &mut PgConnection,
    orders: &[Uuid],
) -> Result<BTreeMap<OrderId, Reservation>, StoreError> {
    if orders.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT order_id, status, released_from, lines, updated_at, sequence, seen FROM reservations
         WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE",
    )
    .bind(orders)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load reservations"))?;
    rows.into_iter().map(Row::parse).collect()
}

/// The reservation of an order; `None` when it is not known.
pub async fn find(
    executor: impl PgExecutor<'_>,
    order_id: OrderId,
) -> Result<Option<Reservation>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT order_id, status, released_from, lines, updated_at, sequence, seen FROM reservations
         WHERE order_id = $1",
    )
    .bind(order_id.0)
    .fetch_optional(executor)
    .await
    .map_err(StoreError::doing("find a reservation"))?;
    Ok(row.map(Row::parse).transpose()?.map(|(_, reservation)| reservation))
}

/// Adds the new rows and writes those that changed. New ones are inserted, never overwritten: were a lock missing, this
/// fails instead of losing an answer.
pub(super) async fn save(
    connection: &mut PgConnection,
    reservations: &BTreeMap<OrderId, Reservation>,
    stored: &BTreeMap<OrderId, Reservation>,
) -> Result<(), StoreError> {
    let changed = reservations.iter().filter(|(id, row)| stored.get(id) != Some(row));
    let (known, new): (Vec<_>, Vec<_>) = changed.partition(|(id, _)| stored.contains_key(id));
    let (known, new) = (Columns::of(&known), Columns::of(&new));
    if !new.order_id.is_empty() {
        write(connection, INSERT, new).await?;
    }
    if !known.order_id.is_empty() {
        write(connection, UPDATE, known).await?;
    }
    Ok(())
}

const INSERT: &str =
    "INSERT INTO reservations (order_id, status, released_from, lines, updated_at, sequence, seen)
     SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::bigint[], $7::bigint[])";

const UPDATE: &str =
    "UPDATE reservations SET status = new.status, released_from = new.released_from, lines = new.lines,
         updated_at = new.updated_at, sequence = new.sequence, seen = new.seen
     FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::bigint[], $7::bigint[])
         AS new (order_id, status, released_from, lines, updated_at, sequence, seen)
     WHERE reservations.order_id = new.order_id";

async fn write(
    connection: &mut PgConnection,
    statement: &'static str,
    columns: Columns<'_>,
) -> Result<(), StoreError> {
    sqlx::query(statement)
        .bind(columns.order_id)
        .bind(columns.status)
        .bind(columns.released_from)
        .bind(columns.lines)
        .bind(columns.updated_at)
        .bind(columns.sequence)
        .bind(columns.seen)
        .execute(connection)
        .await
        .map_err(StoreError::doing("save reservations"))?;
    Ok(())
}

/// Rows on their side, as `UNNEST` takes them.
#[derive(Default)]
struct Columns<'a> {
    order_id: Vec<Uuid>,
    status: Vec<&'static str>,
    released_from: Vec<Option<&'static str>>,
    lines: Vec<Json<&'a [StockLine]>>,
    updated_at: Vec<OffsetDateTime>,
    sequence: Vec<i64>,
    seen: Vec<i64>,
}

impl<'a> Columns<'a> {
    /// Leaves out what is not decided: there is nothing to remember of it.
    fn of(rows: &[(&OrderId, &'a Reservation)]) -> Self {
        let mut columns = Self::default();
        for (order_id, reservation) in rows {
            let (released_from, at) = match &reservation.state {
                State::Pending => continue,
                State::Reserved { at, .. } | State::Rejected { at } | State::Committed { at, .. } => {
                    (None, *at)
                }
                State::Released { from, at, .. } => (Some(released_from(*from)), *at),
            };
            columns.order_id.push(order_id.0);
            columns.status.push(reservation.state.status().as_str());
            columns.released_from.push(released_from);
            columns.lines.push(Json(reservation.state.lines()));
            columns.updated_at.push(at.into());
            columns.sequence.push(reservation.sequence.0);
            columns.seen.push(reservation.seen.0);
        }
        columns
    }
}

impl Row {
    fn parse(self) -> Result<(OrderId, Reservation), StoreError> {
        let (order_id, lines, at) = (OrderId(self.order_id), self.lines.0, Timestamp::from(self.updated_at));
        let state = match (self.status.as_str(), self.released_from.as_deref().map(parse_released_from)) {
            ("reserved", None) => State::Reserved { lines, at },
            ("rejected", None) => State::Rejected { at },
            ("committed", None) => State::Committed { lines, at },
            ("released", Some(Some(from))) => State::Released { lines, from, at },
            (status, _) => {
                let detail = format!("{status} from {:?}", self.released_from);
                return Err(impossible("reservations.status, released_from", &order_id, &detail));
            }
        };
        Ok((order_id, Reservation { state, sequence: Sequence(self.sequence), seen: Seen(self.seen) }))
    }
}

fn released_from(from: ReleasedFrom) -> &'static str {
    match from {
        ReleasedFrom::Unknown => "unknown",
        ReleasedFrom::Reserved => "reserved",
        ReleasedFrom::Sold => "sold",
        ReleasedFrom::Nothing => "nothing",
    }
}

fn parse_released_from(word: &str) -> Option<ReleasedFrom> {
    match word {
        "unknown" => Some(ReleasedFrom::Unknown),
        "reserved" => Some(ReleasedFrom::Reserved),
        "sold" => Some(ReleasedFrom::Sold),
        "nothing" => Some(ReleasedFrom::Nothing),
        _ => None,
    }
}
