//! What callers hear when something is wrong.

use kernel::OrderId;
use messaging::StoreError;
use service_kit::Problem;

/// Why a request has no other answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// Nothing is known of the order.
    #[error("no payment of the order {0} is known")]
    UnknownOrder(OrderId),
    /// The database did not do what it should.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::UnknownOrder(_) => Self::not_found(error.to_string()),
            ApiError::Store(StoreError::Database { source, .. }) => source.into(),
            ApiError::Store(error @ (StoreError::Impossible { .. } | StoreError::Encode(_))) => {
                Self::internal(error)
            }
        }
    }
}
