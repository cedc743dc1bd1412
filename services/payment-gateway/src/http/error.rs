//! What callers are told when there is no answer.

use std::time::Duration;

use service_kit::Problem;

use crate::ledger::Unwritable;

/// How long to wait before a repeat.
const RETRY_AFTER: Duration = Duration::from_secs(1);

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
            Error::KeyReused => Self::unprocessable_as(
                "idempotency-key-reused",
                "the Idempotency-Key was used for another call",
            ),
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
