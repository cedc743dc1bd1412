//! Which status each failure has. Nowhere else.

use std::time::Duration;

use axum::http::StatusCode;
use kernel::{CustomerId, OrderId, Sku};
use messaging::StoreError;
use service_kit::openapi::Refusals;
use service_kit::problem::Kind;
use service_kit::{FieldError, Problem};

use crate::domain::customer::Erased;
use crate::domain::{PastWindow, Refusal};
use crate::watchers::Full;

/// How long a caller should wait until others may have stopped waiting.
const PLACES_RETRY_AFTER: Duration = Duration::from_secs(1);

const PAST_WINDOW: Kind = Kind {
    slug: "past-cancellation-window",
    status: StatusCode::CONFLICT,
    title: "Too late to cancel",
    meaning: "The order was confirmed longer ago than a customer may take it back. It stays as it is.",
    remedy: "Nothing by this API: the order is to be delivered. Agree on a return with the store.",
    detail: "the order can be cancelled until 2026-03-15T09:26:53.641902Z",
    errors: &[],
};

const KEY_RUNNING: Kind = Kind {
    slug: "idempotency-key-running",
    status: StatusCode::CONFLICT,
    title: "Idempotency-Key in use",
    meaning: "An earlier request with this `Idempotency-Key` has no answer yet.",
    remedy: "Wait a moment and send the same request again: it gets the answer of the first, or is taken if that one failed.",
    detail: "a request with this Idempotency-Key is still running",
    errors: &[],
};

const KEY_USED: Kind = Kind {
    slug: "idempotency-key-used",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    title: "Idempotency-Key used before",
    meaning: "This `Idempotency-Key` placed an order with another body. No second order was placed.",
    remedy: "Take a new key for a new order; repeat a request only with the body it had.",
    detail: "this Idempotency-Key was used with another body",
    errors: &[],
};

/// Which operations answer these.
pub(super) const REFUSALS: Refusals =
    &[(&PAST_WINDOW, &["cancel_order"]), (&KEY_RUNNING, &["place_order"]), (&KEY_USED, &["place_order"])];

/// An outage of the database is a 503, anything else our own failure.
pub(super) fn store(error: StoreError) -> Problem {
    match error {
        StoreError::Database { source, .. } if service_kit::database::is_outage(&source) => source.into(),
        StoreError::Database { .. } | StoreError::Impossible { .. } | StoreError::Encode(_) => {
            Problem::internal(error)
        }
    }
}

pub(super) fn no_order(id: OrderId) -> Problem {
    Problem::not_found(format!("there is no order {id}"))
}

pub(super) fn no_customer(id: CustomerId) -> Problem {
    Problem::not_found(format!("there is no customer {id}"))
}

pub(super) fn no_product(sku: &Sku) -> Problem {
    Problem::not_found(format!("there is no product {sku}"))
}

pub(super) fn erased(error: Erased) -> Problem {
    Problem::gone(error.to_string())
}

pub(super) fn past_window(error: PastWindow) -> Problem {
    Problem::of(&PAST_WINDOW, error.to_string())
}

pub(super) fn key_running() -> Problem {
    Problem::of(&KEY_RUNNING, KEY_RUNNING.detail)
}

pub(super) fn key_used() -> Problem {
    Problem::of(&KEY_USED, KEY_USED.detail)
}

pub(super) fn full(error: Full) -> Problem {
    Problem::unavailable(PLACES_RETRY_AFTER, error.to_string())
}

/// No answer of the database in time.
pub(super) fn too_slow() -> Problem {
    Problem::unavailable(service_kit::problem::RETRY_AFTER, "no answer in time; try again")
}

pub(super) fn bad_timeout(error: impl std::fmt::Display, text: &str) -> Problem {
    let shown: String = text.chars().take(40).collect();
    Problem::bad_query(FieldError::new("/timeout", format!("{error}; got {shown:?}")))
}

pub(super) fn bad_last_event_id() -> Problem {
    Problem::bad_header(FieldError::new("/Last-Event-ID", "is the number of a change: 0, 1, 2…"))
}

/// Names each value that breaks a rule.
pub(super) fn refused(refusals: Vec<Refusal>) -> Problem {
    let name = |refusal: Refusal| {
        let pointer = match &refusal {
            Refusal::LineCount(_) | Refusal::TotalTooLarge => "/lines".to_owned(),
            Refusal::UnknownCustomer(_) | Refusal::ErasedCustomer(_) => "/customer_id".to_owned(),
            Refusal::RepeatedSku { line, .. }
            | Refusal::UnknownSku { line, .. }
            | Refusal::SecondCurrency { line, .. } => {
                format!("/lines/{line}/sku")
            }
        };
        FieldError::new(pointer, refusal.to_string())
    };
    Problem::unprocessable(refusals.into_iter().map(name).collect())
}
