//! What can go wrong while the log is folded.

use std::path::PathBuf;
use std::time::Duration;

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
    /// It was lost with all that is in it.
    #[error(
        "the server has no database of {0}: make it, empty, with the role of the service as its owner (`make run` does when it starts; docs/rebuild.md), then run this again"
    )]
    NoDatabase(&'static str),
    /// The live tables could not be made, where they were lost.
    #[error("cannot make the tables of the service")]
    Prepare(#[source] Box<dyn std::error::Error + Send + Sync>),
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
    /// The tables of a service that is at work cannot be replaced.
    #[error(
        "{service} is alive ({alive}): stop it, then run this again; what is folded is kept, and gone on with"
    )]
    Alive {
        /// Whose.
        service: &'static str,
        /// By what it is known.
        alive: String,
    },
    /// Events would be lost.
    #[error(
        "{events} events of {service} were decided and not sent: start it until they are, or run this with --lose-unsent; what is folded is kept"
    )]
    Unsent {
        /// Whose.
        service: &'static str,
        /// How many.
        events: i64,
    },
    /// The log goes on although nobody is there.
    #[error(
        "the topics of {0} go on although it is stopped: is it running elsewhere, with another database?"
    )]
    Restless(&'static str),
    /// A file of a checkpoint.
    #[error("cannot {doing} {}", .path.display())]
    Files {
        /// What was tried.
        doing: &'static str,
        /// With which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// An object of a checkpoint.
    #[error("cannot {doing} {at}: {why}; {help}")]
    Bucket {
        /// What was tried.
        doing: &'static str,
        /// With which.
        at: String,
        /// What to look at.
        help: &'static str,
        /// Why not. Of the client, whose errors tell their causes themselves, and again each of them.
        why: std::io::Error,
    },
    /// It was there a moment ago.
    #[error("{0} of the checkpoint is not there any more: was it pruned? Run this again")]
    NoFile(String),
    /// What a checkpoint would say of itself.
    #[error("cannot spell the manifest of the checkpoint")]
    Manifest(#[source] serde_json::Error),
    /// A copy holds what the log may never have.
    #[error(
        "{events} events of {service} did not reach the log within {within:?}, so the copy is no checkpoint: is {service} running, and Kafka?"
    )]
    Unrelayed {
        /// Whose.
        service: &'static str,
        /// How many.
        events: usize,
        /// How long it was waited.
        within: Duration,
    },
    /// Another release.
    #[error(
        "the tables of {service} are at migration {live:?}, this build knows them at {ours}: use the storectl of the release that runs"
    )]
    OtherTables {
        /// Whose.
        service: &'static str,
        /// Of the database.
        live: Option<i64>,
        /// Of this build.
        ours: i64,
    },
    /// Neither a checkpoint nor a beginning.
    #[error(
        "the log of {service} has lost its beginning ({topic}/{partition} begins at {low}), and {checkpoints}: its tables cannot be made anew from what is left"
    )]
    NoBeginning {
        /// Whose.
        service: &'static str,
        /// Without prefix.
        topic: &'static str,
        /// Its number.
        partition: i32,
        /// The first record there is.
        low: i64,
        /// What is known of checkpoints.
        checkpoints: String,
    },
    /// The text is no address; it is not shown, for it may hold a password.
    #[error(
        "the address of the database of {0} is not of the form postgres://role:password@host:port/database"
    )]
    BadUrl(String),
}
