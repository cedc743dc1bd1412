//! Table `conversion`.

use kernel::Timestamp;
use messaging::StoreError;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use crate::domain::{Conversion, Hour};

/// How the orders that were placed in an hour stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourlyConversion {
    /// The hour.
    pub hour: Hour,
    /// How many stand how.
    pub conversion: Conversion,
}

/// Hour, and the columns in the order of [`crate::domain::Fate::ALL`].
type Row = (OffsetDateTime, Vec<i64>);

/// Hours that begin at `from` or later, before `to`, and behind `after`.
pub async fn conversion(
    pool: &PgPool,
    (from, to): (Timestamp, Timestamp),
    after: Option<Timestamp>,
    limit: i64,
) -> Result<Vec<HourlyConversion>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT hour, ARRAY[pending, confirmed, out_of_stock, payment_declined, capture_failed, timed_out, customer_request, unknown]
         FROM conversion WHERE hour >= $1 AND hour < $2 AND hour > coalesce($3, '-infinity') ORDER BY hour LIMIT $4",
    )
    .bind(OffsetDateTime::from(from))
    .bind(OffsetDateTime::from(to))
    .bind(after.map(OffsetDateTime::from))
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("list the conversion"))?;
    rows.into_iter().map(parse).collect()
}

fn parse((hour, counts): Row) -> Result<HourlyConversion, StoreError> {
    let counts = counts.try_into().ok().filter(|counts: &[i64; 8]| counts.iter().all(|count| *count >= 0));
    let conversion = counts.map(Conversion).ok_or_else(|| StoreError::Impossible {
        table: "conversion",
        key: hour.to_string(),
        detail: "fewer than no orders".to_owned(),
    })?;
    Ok(HourlyConversion { hour: Hour::of(hour.into()), conversion })
}

pub(super) async fn add(
    connection: &mut PgConnection,
    conversion: impl Iterator<Item = (Hour, &Conversion)>,
) -> Result<(), StoreError> {
    let mut hours = Vec::<OffsetDateTime>::new();
    let mut columns: [Vec<i64>; 8] = Default::default();
    for (hour, Conversion(counts)) in conversion {
        hours.push(hour.begin().into());
        columns.iter_mut().zip(counts).for_each(|(column, count)| column.push(*count));
    }
    if hours.is_empty() {
        return Ok(());
    }
    let mut query = sqlx::query(
        "INSERT INTO conversion (hour, pending, confirmed, out_of_stock, payment_declined, capture_failed, timed_out,
             customer_request, unknown)
         SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
             $7::bigint[], $8::bigint[], $9::bigint[])
         ON CONFLICT (hour) DO UPDATE SET pending = conversion.pending + excluded.pending,
             confirmed = conversion.confirmed + excluded.confirmed,
             out_of_stock = conversion.out_of_stock + excluded.out_of_stock,
             payment_declined = conversion.payment_declined + excluded.payment_declined,
             capture_failed = conversion.capture_failed + excluded.capture_failed,
             timed_out = conversion.timed_out + excluded.timed_out,
             customer_request = conversion.customer_request + excluded.customer_request,
             unknown = conversion.unknown + excluded.unknown",
    )
    .bind(hours);
    for column in columns {
        query = query.bind(column);
    }
    query.execute(connection).await.map_err(StoreError::doing("add to the conversion"))?;
    Ok(())
}
