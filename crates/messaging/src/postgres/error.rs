//! What can go wrong between a service and its database, and what to do about it.

use std::time::Duration;

use crate::core::Verdict;

/// A statement did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres, or the way to it, refused.
    #[error("cannot {doing}")]
    Database {
        /// What was being done: "load reservations".
        doing: &'static str,
        /// What Postgres said.
        #[source]
        source: sqlx::Error,
    },
    /// A row that no code of ours writes.
    #[error("impossible row in {table}, key {key}: {detail}")]
    Impossible {
        /// Table and column.
        table: &'static str,
        /// The row's key.
        key: String,
        /// What is wrong with it.
        detail: String,
    },
    /// An event could not be written as Avro.
    #[error(transparent)]
    Encode(#[from] kernel::EncodeError),
}

/// Longest that a loop waits for the database, which gives up a statement after 10 s by itself. One that neither answers nor hangs
/// up, because its machine or the way to it is gone, must not hold a loop for ever. Should a commit have come through, the next try finds
/// the position moved, or the claim gone.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(15);

impl StoreError {
    /// For loops: what `work` comes to, or that there was no answer in time.
    pub async fn in_time<T>(
        doing: &'static str,
        work: impl Future<Output = Result<T, Self>>,
    ) -> Result<T, Self> {
        let late = |_| Err(Self::Database { doing, source: sqlx::Error::PoolTimedOut });
        tokio::time::timeout(ANSWER_WITHIN, work).await.unwrap_or_else(late)
    }

    /// For `map_err`: `.map_err(StoreError::doing("load reservations"))`.
    pub fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// Retry what may pass by itself; what cannot is counted, and parked in the end.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Database { source, .. } => of_database(source),
            Self::Impossible { .. } | Self::Encode(_) => Verdict::Fault,
        }
    }
}

/// Classes of SQLSTATE that pass by themselves: connection (08), rollback and deadlock (40), resources such as a full
/// disk (53), intervention such as a shutdown (57), system errors (58), lock not available (55), read-only standby (25).
const PASSING: [&str; 7] = ["08", "40", "53", "57", "58", "55", "25"];

fn of_database(error: &sqlx::Error) -> Verdict {
    match error {
        sqlx::Error::Database(refusal) => {
            let code = refusal.code().unwrap_or_default();
            // 28 and 3D: the server is back before its roles and databases are (a restore); 42501: grants not yet made.
            let passing = PASSING.iter().any(|class| code.starts_with(class));
            if passing
                || code.starts_with("28")
                || code.starts_with("3D")
                || code == "42501"
                || code == "42P01"
            {
                Verdict::Outage
            } else {
                Verdict::Fault
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Verdict::Outage,
        _ => Verdict::Fault,
    }
}
