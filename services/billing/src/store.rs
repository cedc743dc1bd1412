//! Payments in Postgres, many at once.

use std::collections::{BTreeMap, BTreeSet};

use fold::Shelf;
use kernel::{Currency, Money, OrderId, Seen, Sequence};
use messaging::{OpenIntent, Repository, StoreError};
use sqlx::migrate::Migrator;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::consumer::{Billing, Loaded};
use crate::domain::{Asked, Open, Payment, Reference, Standing};
use crate::projection::{Facts, Rows};

/// The tables of billing; to be run after those of messaging.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/billing");

/// The payments in the database of billing.
#[derive(Clone, Copy, Debug)]
pub struct Payments;

impl Repository<Billing> for Payments {
    async fn load(
        &self,
        connection: &mut PgConnection,
        keys: &BTreeSet<OrderId>,
    ) -> Result<Loaded, StoreError> {
        let payments = lock(connection, keys).await?;
        // Calls are opened and withdrawn under the lock of their payment, so that what is seen here stays so.
        let texts: Vec<String> = payments.iter().map(|payment| payment.order_id.to_string()).collect();
        let mut calls = open_calls(messaging::lock_open(connection, &texts).await?)?;
        let mut loaded = Loaded::default();
        for payment in payments {
            let open = calls.remove(&payment.order_id);
            loaded.insert(payment, open);
        }
        Ok(loaded)
    }

    async fn save(&self, connection: &mut PgConnection, loaded: Loaded) -> Result<(), StoreError> {
        write(connection, loaded.changed()).await
    }
}

impl Shelf<Facts> for Payments {
    fn migrator(&self) -> &'static Migrator {
        &MIGRATOR
    }

    /// What was decided upon is not in the log: `orders` is read again from the beginning.
    fn finish(&self) -> &'static [&'static str] {
        &["UPDATE payments SET orders_seen = 0"]
    }

    async fn load(
        &self,
        connection: &mut PgConnection,
        keys: &BTreeSet<OrderId>,
    ) -> Result<Rows, StoreError> {
        let payments = lock(connection, keys).await?.into_iter().map(|payment| (payment.order_id, payment));
        Ok(Rows { payments: payments.collect(), changed: BTreeSet::new() })
    }

    async fn save(&self, connection: &mut PgConnection, rows: Rows) -> Result<(), StoreError> {
        write(connection, rows.changed.iter().filter_map(|order_id| rows.payments.get(order_id))).await
    }
}

/// Those of these payments that are known.
async fn lock(connection: &mut PgConnection, keys: &BTreeSet<OrderId>) -> Result<Vec<Payment>, StoreError> {
    let ids: Vec<Uuid> = keys.iter().map(|order_id| order_id.0).collect();
    let rows: Vec<PaymentRow> = sqlx::query_as(
        "SELECT order_id, status, amount_minor, currency, gateway_reference, attempts, asked, sequence, orders_seen
         FROM payments WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE",
    )
    .bind(&ids)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("load payments"))?;
    rows.into_iter().map(Payment::try_from).collect()
}

async fn write(
    connection: &mut PgConnection,
    payments: impl Iterator<Item = &Payment>,
) -> Result<(), StoreError> {
    let rows: Vec<PaymentRow> = payments.filter_map(PaymentRow::of).collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
            "INSERT INTO payments
                 (order_id, status, amount_minor, currency, gateway_reference, attempts, asked, sequence, orders_seen)
             SELECT * FROM unnest($1::uuid[], $2::text[], $3::int8[], $4::text[], $5::text[], $6::int4[], $7::text[],
                                  $8::int8[], $9::int8[])
             ON CONFLICT (order_id) DO UPDATE SET
                 status = excluded.status, amount_minor = excluded.amount_minor, currency = excluded.currency,
                 gateway_reference = excluded.gateway_reference, attempts = excluded.attempts, asked = excluded.asked,
                 sequence = excluded.sequence, orders_seen = excluded.orders_seen",
        )
        .bind(rows.iter().map(|row| row.order_id).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.status.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.amount_minor).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.currency.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.gateway_reference.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.attempts).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.asked.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.sequence).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.orders_seen).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(StoreError::doing("save payments"))?;
    Ok(())
}

/// The payment of an order as callers see it: with the tries of its open call, where it has one.
pub async fn find(pool: &PgPool, order_id: OrderId) -> Result<Option<Payment>, StoreError> {
    let row: Option<PaymentRow> = sqlx::query_as(
        "SELECT order_id, status, amount_minor, currency, gateway_reference,
                COALESCE((SELECT intent.attempts FROM messaging.intent WHERE intent.key = payments.order_id::text
                          ORDER BY intent.id LIMIT 1), payments.attempts) AS attempts,
                asked, sequence, orders_seen
         FROM payments WHERE order_id = $1",
    )
    .bind(order_id.0)
    .fetch_optional(pool)
    .await
    .map_err(StoreError::doing("find a payment"))?;
    row.map(Payment::try_from).transpose()
}

/// By order. There is never more than one: the next call is decided when the last one is answered or taken back.
fn open_calls(intents: Vec<OpenIntent>) -> Result<BTreeMap<OrderId, Open>, StoreError> {
    let mut calls = BTreeMap::new();
    for intent in intents {
        let impossible = |detail: String| StoreError::Impossible {
            table: "messaging.intent",
            key: intent.key.clone(),
            detail,
        };
        let order_id: OrderId = intent.key.parse().map_err(|_| impossible("key is no order".into()))?;
        let operation = intent.kind.parse().map_err(|error| impossible(format!("kind {error}")))?;
        if calls.insert(order_id, Open { operation, tried: intent.attempts > 0 }).is_some() {
            return Err(impossible("two calls are open".into()));
        }
    }
    Ok(calls)
}

#[derive(Debug, sqlx::FromRow)]
struct PaymentRow {
    order_id: Uuid,
    status: String,
    amount_minor: Option<i64>,
    currency: Option<String>,
    gateway_reference: Option<String>,
    attempts: i32,
    asked: String,
    sequence: i64,
    orders_seen: i64,
}

impl PaymentRow {
    /// `None` for an order that was not heard of: there is nothing to keep.
    fn of(payment: &Payment) -> Option<Self> {
        let (status, amount, reference) = match &payment.standing {
            Standing::Unknown => return None,
            Standing::Pending { amount } => ("pending", Some(amount), None),
            Standing::Authorized { amount, reference } => ("authorized", Some(amount), Some(reference)),
            Standing::Declined { amount, reference } => ("declined", Some(amount), reference.as_ref()),
            Standing::Captured { amount, reference } => ("captured", Some(amount), Some(reference)),
            Standing::CaptureFailed { amount, reference } => {
                ("capture_failed", Some(amount), reference.as_ref())
            }
            Standing::Voided { amount, reference } => ("voided", amount.as_ref(), reference.as_ref()),
            Standing::Refunded { amount, reference } => ("refunded", Some(amount), Some(reference)),
        };
        let asked = match payment.asked {
            Asked::Hold => "hold",
            Asked::Take => "take",
            Asked::Undo => "undo",
        };
        Some(Self {
            order_id: payment.order_id.0,
            status: status.to_owned(),
            amount_minor: amount.map(|amount| amount.amount_minor()),
            currency: amount.map(|amount| amount.currency().to_string()),
            gateway_reference: reference.map(|reference| reference.as_str().to_owned()),
            attempts: i32::try_from(payment.attempts).unwrap_or(i32::MAX),
            asked: asked.to_owned(),
            sequence: payment.sequence.0,
            orders_seen: payment.orders_seen.0,
        })
    }
}

impl TryFrom<PaymentRow> for Payment {
    type Error = StoreError;

    fn try_from(row: PaymentRow) -> Result<Self, StoreError> {
        let impossible = |detail: String| StoreError::Impossible {
            table: "payments",
            key: row.order_id.to_string(),
            detail,
        };
        let amount = match (row.amount_minor, &row.currency) {
            (None, None) => None,
            (Some(minor), Some(currency)) => Some(
                Currency::parse(currency)
                    .and_then(|currency| Money::new(minor, currency))
                    .map_err(|rule| impossible(format!("amount_minor, currency: {rule}")))?,
            ),
            _ => {
                return Err(impossible(
                    "amount_minor without currency or currency without amount_minor".into(),
                ));
            }
        };
        let reference = row.gateway_reference.as_deref().map(Reference::parse).transpose();
        let reference = reference.map_err(|rule| impossible(format!("gateway_reference {rule}")))?;
        let standing = match (row.status.as_str(), amount, reference) {
            ("pending", Some(amount), None) => Standing::Pending { amount },
            ("authorized", Some(amount), Some(reference)) => Standing::Authorized { amount, reference },
            ("declined", Some(amount), reference) => Standing::Declined { amount, reference },
            ("captured", Some(amount), Some(reference)) => Standing::Captured { amount, reference },
            ("capture_failed", Some(amount), reference) => Standing::CaptureFailed { amount, reference },
            ("voided", amount, reference) => Standing::Voided { amount, reference },
            ("refunded", Some(amount), Some(reference)) => Standing::Refunded { amount, reference },
            (status, amount, reference) => {
                return Err(impossible(format!("status {status} with {amount:?} and {reference:?}")));
            }
        };
        let asked = match row.asked.as_str() {
            "hold" => Asked::Hold,
            "take" => Asked::Take,
            "undo" => Asked::Undo,
            other => return Err(impossible(format!("asked {other}"))),
        };
        Ok(Self {
            order_id: OrderId(row.order_id),
            standing,
            asked,
            attempts: u32::try_from(row.attempts).map_err(|_| impossible("attempts below zero".into()))?,
            sequence: Sequence(row.sequence),
            orders_seen: Seen(row.orders_seen),
        })
    }
}
