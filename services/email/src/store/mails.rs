//! Table `order_mail`: one row an order, both its mails side by side.

use events::EmailFailure;
use kernel::{OrderId, Seen, Sequence};
use messaging::StoreError;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::{Kind, Mail, OrderMails};

/// A mail in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The order it is about.
    pub order_id: OrderId,
    /// Which of its two mails.
    pub kind: Kind,
    /// What became of it.
    pub mail: Mail,
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    order_id: Uuid,
    notice: bool,
    status: Option<String>,
    message_id: Option<String>,
    failure: Option<String>,
    ended_at: Option<OffsetDateTime>,
}

struct Row {
    order_id: Uuid,
    orders_seen: i64,
    published: i64,
    receipt: Columns,
    notice: Columns,
}

/// The columns of one mail.
type Columns = (Option<String>, Option<String>, Option<String>, Option<OffsetDateTime>);

/// The mails of one order or of all, the newest order first, of an order the receipt first; those behind `after`.
pub async fn list(
    pool: &PgPool,
    order_id: Option<OrderId>,
    after: Option<(OrderId, Kind)>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    // Bounds on the primary key, so that a page deep in the list costs what the first one costs.
    let wanted = order_id.map_or((Uuid::nil(), Uuid::max()), |id| (id.0, id.0));
    let (after_id, after_notice) =
        after.map_or((Uuid::max(), None), |(id, kind)| (id.0, Some(kind == Kind::Cancellation)));
    let rows: Vec<ListedRow> = sqlx::query_as(
        "SELECT order_id, notice, status, message_id, failure, ended_at
         FROM order_mail CROSS JOIN LATERAL (VALUES
             (false, receipt_status, receipt_message_id, receipt_failure, receipt_ended_at),
             (true, cancellation_status, cancellation_message_id, cancellation_failure, cancellation_ended_at)
         ) AS mail (notice, status, message_id, failure, ended_at)
         WHERE order_id >= $1 AND order_id <= $2 AND order_id <= $3
           AND (order_id <> $3 OR $4::boolean IS NULL OR notice > $4) AND status IS NOT NULL
         ORDER BY order_id DESC, notice LIMIT $5",
    )
    .bind(wanted.0)
    .bind(wanted.1)
    .bind(after_id)
    .bind(after_notice)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("list mails"))?;
    rows.into_iter().filter_map(|row| listed(row).transpose()).collect()
}

fn listed(row: ListedRow) -> Result<Option<Listed>, StoreError> {
    let kind = if row.notice { Kind::Cancellation } else { Kind::Receipt };
    let mail = mail(row.order_id, (row.status, row.message_id, row.failure, row.ended_at))?;
    Ok(mail.map(|mail| Listed { order_id: OrderId(row.order_id), kind, mail }))
}

pub(super) async fn lock(
    connection: &mut PgConnection,
    ids: Vec<Uuid>,
) -> Result<Vec<OrderMails>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT order_id, orders_seen, published,
                receipt_status, receipt_message_id, receipt_failure, receipt_ended_at,
                cancellation_status, cancellation_message_id, cancellation_failure, cancellation_ended_at
         FROM order_mail WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE",
    )
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load mails"))?;
    let read = |row: &PgRow| {
        let (order_id, orders_seen) = (row.try_get("order_id")?, row.try_get("orders_seen")?);
        let receipt =
            columns_of(row, ["receipt_status", "receipt_message_id", "receipt_failure", "receipt_ended_at"])?;
        let notice = columns_of(
            row,
            [
                "cancellation_status",
                "cancellation_message_id",
                "cancellation_failure",
                "cancellation_ended_at",
            ],
        )?;
        Ok(Row { order_id, orders_seen, published: row.try_get("published")?, receipt, notice })
    };
    let rows: Result<Vec<Row>, sqlx::Error> = rows.iter().map(read).collect();
    rows.map_err(StoreError::doing("read mails"))?.into_iter().map(OrderMails::try_from).collect()
}

fn columns_of(
    row: &PgRow,
    [status, message_id, failure, ended_at]: [&str; 4],
) -> Result<Columns, sqlx::Error> {
    Ok((row.try_get(status)?, row.try_get(message_id)?, row.try_get(failure)?, row.try_get(ended_at)?))
}

impl TryFrom<Row> for OrderMails {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            order_id: OrderId(row.order_id),
            receipt: mail(row.order_id, row.receipt)?,
            cancellation: mail(row.order_id, row.notice)?,
            published: Sequence(row.published),
            orders_seen: Seen(row.orders_seen),
        })
    }
}

fn mail(order_id: Uuid, columns: Columns) -> Result<Option<Mail>, StoreError> {
    let impossible = |detail: &str| StoreError::Impossible {
        table: "order_mail",
        key: order_id.to_string(),
        detail: detail.to_owned(),
    };
    let (status, message_id, failure, ended_at) = columns;
    match (status.as_deref(), message_id, failure, ended_at) {
        (None, None, None, None) => Ok(None),
        (Some("pending"), None, None, None) => Ok(Some(Mail::Pending)),
        (Some("sent"), Some(message_id), None, Some(at)) => {
            Ok(Some(Mail::Sent { message_id, at: at.into() }))
        }
        (Some("failed"), None, Some(failure), Some(at)) => {
            let code = failure_of(&failure).ok_or_else(|| impossible("a failure of an unknown name"))?;
            Ok(Some(Mail::Failed { code, at: at.into() }))
        }
        _ => Err(impossible("status and the other columns of a mail contradict each other")),
    }
}

fn columns(mail: Option<&Mail>) -> Columns {
    match mail {
        None => (None, None, None, None),
        Some(Mail::Pending) => (Some("pending".to_owned()), None, None, None),
        Some(Mail::Sent { message_id, at }) => {
            (Some("sent".to_owned()), Some(message_id.clone()), None, Some((*at).into()))
        }
        Some(Mail::Failed { code, at }) => {
            (Some("failed".to_owned()), None, Some(failure_name(*code).to_owned()), Some((*at).into()))
        }
    }
}

const FAILURES: [(EmailFailure, &str); 4] = [
    (EmailFailure::Unknown, "unknown"),
    (EmailFailure::CustomerErased, "customer_erased"),
    (EmailFailure::AddressRefused, "address_refused"),
    (EmailFailure::MessageRefused, "message_refused"),
];

fn failure_of(name: &str) -> Option<EmailFailure> {
    FAILURES.into_iter().find(|(_, known)| *known == name).map(|(failure, _)| failure)
}

fn failure_name(failure: EmailFailure) -> &'static str {
    match failure {
        EmailFailure::Unknown => "unknown",
        EmailFailure::CustomerErased => "customer_erased",
        EmailFailure::AddressRefused => "address_refused",
        EmailFailure::MessageRefused => "message_refused",
    }
}

pub(super) async fn save(
    connection: &mut PgConnection,
    mails: impl Iterator<Item = &OrderMails>,
) -> Result<(), StoreError> {
    let (mut ids, mut seen, mut published) = (Vec::new(), Vec::new(), Vec::new());
    let (mut receipts, mut notices) = (Unzipped::default(), Unzipped::default());
    for mails in mails {
        ids.push(mails.order_id.0);
        seen.push(mails.orders_seen.0);
        published.push(mails.published.0);
        receipts.push(mails.receipt.as_ref());
        notices.push(mails.cancellation.as_ref());
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO order_mail (order_id, orders_seen, published,
             receipt_status, receipt_message_id, receipt_failure, receipt_ended_at,
             cancellation_status, cancellation_message_id, cancellation_failure, cancellation_ended_at)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[],
             $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::timestamptz[])
         ON CONFLICT (order_id) DO UPDATE SET orders_seen = excluded.orders_seen, published = excluded.published,
             receipt_status = excluded.receipt_status, receipt_message_id = excluded.receipt_message_id,
             receipt_failure = excluded.receipt_failure, receipt_ended_at = excluded.receipt_ended_at,
             cancellation_status = excluded.cancellation_status, cancellation_message_id = excluded.cancellation_message_id,
             cancellation_failure = excluded.cancellation_failure, cancellation_ended_at = excluded.cancellation_ended_at",
    )
    .bind(ids)
    .bind(seen)
    .bind(published)
    .bind(receipts.status)
    .bind(receipts.message_id)
    .bind(receipts.failure)
    .bind(receipts.ended_at)
    .bind(notices.status)
    .bind(notices.message_id)
    .bind(notices.failure)
    .bind(notices.ended_at)
    .execute(connection)
    .await
    .map_err(StoreError::doing("save mails"))?;
    Ok(())
}

/// The columns of many mails, an array a column.
#[derive(Default)]
struct Unzipped {
    status: Vec<Option<String>>,
    message_id: Vec<Option<String>>,
    failure: Vec<Option<String>>,
    ended_at: Vec<Option<OffsetDateTime>>,
}

impl Unzipped {
    fn push(&mut self, mail: Option<&Mail>) {
        let (status, message_id, failure, ended_at) = columns(mail);
        self.status.push(status);
        self.message_id.push(message_id);
        self.failure.push(failure);
        self.ended_at.push(ended_at);
    }
}
