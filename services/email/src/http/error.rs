//! What callers see of an error.

use messaging::StoreError;
use service_kit::Problem;

/// An outage of the database is a 503, a row that no code of ours writes a 500.
pub(super) fn problem(error: StoreError) -> Problem {
    match error {
        StoreError::Database { source, .. } => source.into(),
        error @ (StoreError::Impossible { .. } | StoreError::Encode(_)) => Problem::internal(error),
    }
}
