//! What a request comes to, as a status. The only place that names status codes.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kernel::{OrderId, Sku};
use messaging::StoreError;
use service_kit::openapi::Refusals;
use service_kit::problem::Kind;
use service_kit::{Json, Problem};

use crate::domain::ReceiptTaken;

const RECEIPT_TAKEN: Kind = Kind {
    slug: "receipt-taken",
    status: StatusCode::CONFLICT,
    title: "Receipt id taken",
    meaning: "A delivery with this `receipt_id` was booked before, of another product or quantity. Nothing was booked now.",
    remedy: "If it is another delivery, give it an id of its own. If it is the same, report it as it was reported first.",
    detail: "receipt 01924f3e-0000-7000-8000-0000000000aa is booked with another sku or quantity",
    errors: &[],
};

/// Which operations answer these.
pub(super) const REFUSALS: Refusals = &[(&RECEIPT_TAKEN, &["receive_stock"])];

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input breaks a rule.
    #[error("the input breaks a rule")]
    Input(Problem),
    /// The sku is not listed.
    #[error("no product has the sku {0}")]
    UnknownSku(Sku),
    /// The order never asked for stock.
    #[error("no order {0} has asked for stock")]
    UnknownOrder(OrderId),
    /// The receipt's id belongs to another delivery.
    #[error(transparent)]
    ReceiptTaken(#[from] ReceiptTaken),
    /// A statement failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The transaction could not begin or commit.
    #[error("the transaction failed")]
    Transaction(#[from] sqlx::Error),
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Input(problem)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Input(problem) => problem,
            Self::UnknownSku(_) | Self::UnknownOrder(_) => Problem::not_found(self.to_string()),
            Self::ReceiptTaken(_) => Problem::of(&RECEIPT_TAKEN, self.to_string()),
            Self::Store(StoreError::Database { source, .. }) | Self::Transaction(source) => source.into(),
            Self::Store(error) => Problem::internal(error),
        };
        problem.into_response()
    }
}

/// What a write that may be repeated comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written<T> {
    /// It was not there: 201.
    New(T),
    /// It was there, changed or not: 200.
    Known(T),
}

impl<T: serde::Serialize> IntoResponse for Written<T> {
    fn into_response(self) -> Response {
        match self {
            Self::New(view) => (StatusCode::CREATED, Json(view)).into_response(),
            Self::Known(view) => Json(view).into_response(),
        }
    }
}
