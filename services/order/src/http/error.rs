//! Which status each failure has. Nowhere else.

use std::time::Duration;

use kernel::{CustomerId, OrderId, Sku};
use messaging::StoreError;
use service_kit::{FieldError, Problem};

use crate::domain::customer::Erased;
use crate::domain::{PastWindow, Refusal};
use crate::watchers::Full;

/// How long a caller should wait until others may have stopped waiting.
const PLACES_RETRY_AFTER: Duration = Duration::from_secs(1);

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
    Problem::conflict("past-cancellation-window", error.to_string())
}

pub(super) fn key_running() -> Problem {
    Problem::conflict("idempotency-key-running", "a request with this Idempotency-Key is still running")
}

pub(super) fn key_used() -> Problem {
    Problem::unprocessable_as("idempotency-key-used", "this Idempotency-Key was used with another body")
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
