//! What callers are told when there is no answer.

use std::time::Duration;

use axum::http::StatusCode;
use service_kit::Problem;
use service_kit::openapi::Refusals;
use service_kit::problem::Kind;

use crate::ledger::Unwritable;

/// How long to wait before a repeat.
const RETRY_AFTER: Duration = Duration::from_secs(1);

const KEY_REUSED: Kind = Kind {
    slug: "idempotency-key-reused",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    title: "Idempotency-Key of another call",
    meaning: "This `Idempotency-Key` was used for another operation, order, amount or token. Nothing was done.",
    remedy: "Take a key of its own for each operation of each order; repeat a call only as it was.",
    detail: "the Idempotency-Key was used for another call",
    errors: &[],
};

/// Which operations answer these.
pub(super) const REFUSALS: Refusals = &[(&KEY_REUSED, &["authorize", "capture", "void", "refund"])];

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// The key was used for something else.
    KeyReused,
    /// On purpose.
    Flaky,
    /// The program stops before the answer was due.
    Stopping,
    /// The disk is full or broken.
    Unwritable,
}

impl From<Unwritable> for Error {
    fn from(_: Unwritable) -> Self {
        Self::Unwritable
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::KeyReused => Self::of(&KEY_REUSED, KEY_REUSED.detail),
            Error::Flaky => {
                Self::unavailable(RETRY_AFTER, "this order's gateway is flaky; nothing was done, try again")
            }
            Error::Stopping => {
                Self::unavailable(RETRY_AFTER, "the gateway stops; repeat the call to learn its outcome")
            }
            Error::Unwritable => {
                Self::unavailable(RETRY_AFTER, "the ledger cannot be written; nothing was done")
            }
        }
    }
}
