//! How the domain's words are spelt in columns. A spelling no code of ours writes is an error naming table, column and key.

use std::fmt::Display;

use events::CancelReason;
use kernel::{Currency, Money, Timestamp};
use messaging::StoreError;
use time::OffsetDateTime;

use crate::domain::{Fate, Payment, Status, Stock};

/// An impossible value.
pub(super) fn impossible(table: &'static str, key: impl Display, detail: impl Display) -> StoreError {
    StoreError::Impossible { table, key: key.to_string(), detail: detail.to_string() }
}

pub(super) fn status_text(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Confirmed => "confirmed",
        Status::Cancelled(_) => "cancelled",
    }
}

pub(super) fn reason_text(status: Status) -> Option<&'static str> {
    match status {
        Status::Pending | Status::Confirmed => None,
        Status::Cancelled(reason) => Some(match reason {
            CancelReason::Unknown => "unknown",
            CancelReason::OutOfStock => "out_of_stock",
            CancelReason::PaymentDeclined => "payment_declined",
            CancelReason::CaptureFailed => "capture_failed",
            CancelReason::TimedOut => "timed_out",
            CancelReason::CustomerRequest => "customer_request",
        }),
    }
}

fn reason(text: &str) -> Option<CancelReason> {
    Some(match text {
        "unknown" => CancelReason::Unknown,
        "out_of_stock" => CancelReason::OutOfStock,
        "payment_declined" => CancelReason::PaymentDeclined,
        "capture_failed" => CancelReason::CaptureFailed,
        "timed_out" => CancelReason::TimedOut,
        "customer_request" => CancelReason::CustomerRequest,
        _ => return None,
    })
}

pub(super) fn status(status: &str, reason_text: Option<&str>) -> Option<Status> {
    match (status, reason_text) {
        ("pending", None) => Some(Status::Pending),
        ("confirmed", None) => Some(Status::Confirmed),
        ("cancelled", Some(text)) => reason(text).map(Status::Cancelled),
        _ => None,
    }
}

pub(super) fn fate(status: Status, confirmed_at: Option<Timestamp>) -> Option<Fate> {
    match (status, confirmed_at) {
        (Status::Pending, None) => Some(Fate::Pending),
        (Status::Confirmed, Some(at)) => Some(Fate::Confirmed { at }),
        (Status::Cancelled(reason), confirmed_at) => Some(Fate::Cancelled { reason, confirmed_at }),
        (Status::Pending, Some(_)) | (Status::Confirmed, None) => None,
    }
}

pub(super) fn confirmed_at(fate: Fate) -> Option<OffsetDateTime> {
    match fate {
        Fate::Pending => None,
        Fate::Confirmed { at } => Some(at.into()),
        Fate::Cancelled { confirmed_at, .. } => confirmed_at.map(Into::into),
    }
}

pub(super) fn stock_text(stock: Stock) -> &'static str {
    match stock {
        Stock::Pending => "pending",
        Stock::Reserved => "reserved",
        Stock::Rejected => "rejected",
        Stock::Committed => "committed",
        Stock::Released => "released",
    }
}

pub(super) fn stock(text: &str) -> Option<Stock> {
    Some(match text {
        "pending" => Stock::Pending,
        "reserved" => Stock::Reserved,
        "rejected" => Stock::Rejected,
        "committed" => Stock::Committed,
        "released" => Stock::Released,
        _ => return None,
    })
}

pub(super) fn payment_text(payment: Payment) -> &'static str {
    match payment {
        Payment::Pending => "pending",
        Payment::Authorized => "authorized",
        Payment::Declined => "declined",
        Payment::Captured => "captured",
        Payment::CaptureFailed => "capture_failed",
        Payment::Voided => "voided",
        Payment::Refunded => "refunded",
    }
}

pub(super) fn payment(text: &str) -> Option<Payment> {
    Some(match text {
        "pending" => Payment::Pending,
        "authorized" => Payment::Authorized,
        "declined" => Payment::Declined,
        "captured" => Payment::Captured,
        "capture_failed" => Payment::CaptureFailed,
        "voided" => Payment::Voided,
        "refunded" => Payment::Refunded,
        _ => return None,
    })
}

pub(super) fn money(amount_minor: i64, currency: &str) -> Option<Money> {
    Money::new(amount_minor, Currency::parse(currency).ok()?).ok()
}
