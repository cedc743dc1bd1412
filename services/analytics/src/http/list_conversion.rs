//! `GET /conversion?from=&to=`

use axum::extract::State;
use events::CancelReason;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use service_kit::list::PageParams;
use service_kit::{List, ListQuery, Problem};
use sqlx::PgPool;

use super::error::problem;
use super::view::span;
use crate::domain::{Conversion, Fate};
use crate::store::{self, HourlyConversion};

/// Which hours are wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// What became of the orders that were placed in an hour.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Conversion, examples(json!({"hour": "2026-03-14T09:00:00Z", "placed": 12, "pending": 1, "confirmed": 9,
    "cancelled": {"out_of_stock": 1, "payment_declined": 0, "capture_failed": 0, "timed_out": 0, "customer_request": 1,
    "unknown": 0}, "confirmed_per_mille": 750})))]
pub(super) struct ConversionView {
    /// When the hour begins, in UTC: that in which the orders were placed.
    #[schema(value_type = String, format = DateTime)]
    hour: Timestamp,
    /// How many were placed.
    placed: i64,
    /// How many of them are not decided yet.
    pending: i64,
    /// How many stand confirmed.
    confirmed: i64,
    /// How many are cancelled, by the reason.
    cancelled: CancelledView,
    /// How many of a thousand that were placed stand confirmed, rounded down.
    confirmed_per_mille: i64,
}

/// Cancelled orders, by the reason.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Cancelled)]
struct CancelledView {
    /// Something was not on the shelf.
    out_of_stock: i64,
    /// The bank refused to hold the money.
    payment_declined: i64,
    /// The bank refused to take the money, after the order was confirmed.
    capture_failed: i64,
    /// Stock or payment did not answer before the deadline.
    timed_out: i64,
    /// The customer changed their mind, before or after the order was confirmed.
    customer_request: i64,
    /// A reason newer than this program.
    unknown: i64,
}

/// How the orders placed in each hour stand now, from the earliest hour on.
///
/// An order counts in the hour in which it was placed, under what it is now: one that is confirmed and then cancelled moves
/// from `confirmed` to `cancelled`. So `placed` is always the sum of all others.
#[utoipa::path(get, path = "/conversion", tag = "conversion",
    params(PageParams,
        ("from" = Option<String>, Query, description = "Only hours that begin then or later (RFC 3339).",
            example = "2026-03-14T00:00:00Z"),
        ("to" = Option<String>, Query, description = "Only hours that begin before (RFC 3339).",
            example = "2026-03-15T00:00:00Z")),
    responses((status = 200, description = "A page of the list; hours in which nobody ordered are not in it.",
        body = List<ConversionView>)))]
pub(super) async fn list_conversion(
    State(pool): State<PgPool>,
    ListQuery { page, filter }: ListQuery<Filter>,
) -> Result<List<ConversionView>, Problem> {
    let after: Option<Timestamp> = page.after()?;
    let span = span(filter.from, filter.to)?;
    let rows = store::conversion(&pool, span, after, page.fetch()).await.map_err(problem)?;
    Ok(page.list(rows, |row| row.hour.begin()).map(ConversionView::from))
}

impl From<HourlyConversion> for ConversionView {
    fn from(HourlyConversion { hour, conversion }: HourlyConversion) -> Self {
        let (placed, confirmed) = (conversion.placed(), conversion.of(Fate::Confirmed));
        Self {
            hour: hour.begin(),
            placed,
            pending: conversion.of(Fate::Pending),
            confirmed,
            cancelled: CancelledView::of(&conversion),
            confirmed_per_mille: confirmed.saturating_mul(1_000) / placed.max(1),
        }
    }
}

impl CancelledView {
    fn of(conversion: &Conversion) -> Self {
        let of = |reason| conversion.of(Fate::Cancelled(reason));
        Self {
            out_of_stock: of(CancelReason::OutOfStock),
            payment_declined: of(CancelReason::PaymentDeclined),
            capture_failed: of(CancelReason::CaptureFailed),
            timed_out: of(CancelReason::TimedOut),
            customer_request: of(CancelReason::CustomerRequest),
            unknown: of(CancelReason::Unknown),
        }
    }
}
