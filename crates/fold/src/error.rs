//! What can go wrong while the log is folded.

use messaging::StoreError;
use messaging::log::LogError;

/// The log was not folded, or not compared.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tables could not be made.
    #[error("cannot make the tables of {service} in the schema {schema}")]
    Migrate {
        /// Whose.
        service: &'static str,
        /// Where.
        schema: &'static str,
        /// Why not.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// Somebody else is at it.
    #[error(
        "somebody else folds the log of {service} into the schema {schema} of its database: wait until they are done"
    )]
    Busy {
        /// Whose.
        service: &'static str,
        /// Where.
        schema: &'static str,
    },
    /// The text is no address; it is not shown, for it may hold a password.
    #[error(
        "the address of the database of {0} is not of the form postgres://role:password@host:port/database"
    )]
    BadUrl(&'static str),
}
