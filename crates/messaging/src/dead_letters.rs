//! The dead letters of one service, for tools: looked at, and asked to be redriven or discarded. The service itself carries
//! out what was asked, because only it has the handler; it does so at its next start when it is not running.

use kernel::Timestamp;
use serde::Serialize;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::StoreError;

/// The table of one service.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    pub(crate) pool: PgPool,
}

/// Which letters; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// These; none: any.
    pub ids: Vec<i64>,
    /// Without prefix.
    pub topic: Option<String>,
    /// As [`crate::core::consumer::ParkedKind`] spells it.
    pub kind: Option<String>,
    /// The key, or the order an event belongs to.
    pub key: Option<String>,
    /// Full name of the record, or the part behind its last dot.
    pub record: Option<String>,
    /// Parked at this time or later.
    pub since: Option<Timestamp>,
    /// Also those that were redriven or discarded.
    pub settled: bool,
    /// At most so many, in the order of the log.
    pub letters_max: Option<u32>,
}

/// A dead letter without what is in it.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Its number.
    pub id: i64,
    /// Without prefix.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// As text; what is none is replaced.
    pub key: Option<String>,
    /// `ce_id`, when there is one.
    pub event_id: Option<String>,
    /// Name of the record, when it could be read.
    pub record: Option<String>,
    /// Why, in one word.
    pub kind: String,
    /// Why, with the chain of errors.
    pub reason: String,
    /// Tries so far.
    pub attempts: i32,
    /// When it was parked.
    pub parked_at: Timestamp,
    /// `parked`, `redriven` or `discarded`.
    pub state: String,
}

/// A dead letter whole.
#[derive(Clone, Debug, Serialize)]
pub struct Whole {
    /// What it is.
    #[serde(flatten)]
    pub summary: Summary,
    /// As they were, in order; values that are no text as `base64:…`.
    pub headers: serde_json::Value,
    /// What it says by the schema it was written with, or why that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<serde_json::Value>,
    /// The value as it was.
    #[serde(skip)]
    pub value: Option<Vec<u8>>,
    /// What was done with it, oldest first.
    pub actions: Vec<Taken>,
}

/// What came of a letter in an action.
#[derive(Clone, Debug, Serialize)]
pub struct Taken {
    /// The action.
    pub action: i64,
    /// `redrive` or `discard`.
    pub kind: String,
    /// Who asked for it.
    pub who: String,
    /// Why.
    pub why: Option<String>,
    /// When.
    pub requested_at: Timestamp,
    /// `redriven`, `discarded`, `failed`, `behind` or `gone`; `None`: not yet.
    pub outcome: Option<String>,
    /// About that.
    pub detail: Option<String>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Handled again, by the same handler with the same inbox.
    Redrive,
    /// Never handled; kept for ever.
    Discard,
}

/// What somebody wants.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What.
    pub what: What,
    /// Of which letters.
    pub filter: Filter,
    /// And all others of their keys.
    pub whole_keys: bool,
    /// Who wants it.
    pub who: String,
    /// Why; a discard must say.
    pub why: Option<String>,
}

/// What is to be done with which letters, before or after it is asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// The action; `None` when nothing was asked for yet.
    pub action: Option<i64>,
    /// In the order of the log.
    pub letters: Vec<Summary>,
}

/// How far an action is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Nothing is left to do.
    pub done: bool,
    /// Letters that had their effect.
    pub redriven: i64,
    /// Letters that never will.
    pub discarded: i64,
    /// Letters that are parked as before for reasons of their own.
    pub failed: i64,
    /// Letters behind one that is parked.
    pub behind: i64,
    /// Letters that another action settled.
    pub gone: i64,
    /// Letters that wait for the service.
    pub open: i64,
    /// The first that failed, with their reasons.
    pub stay: Vec<Stays>,
}

/// A letter that is parked as before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stays {
    /// Which.
    pub letter: i64,
    /// `failed` or `behind`.
    pub outcome: String,
    /// Why.
    pub detail: Option<String>,
}

/// A wish was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing is parked that fits.
    #[error("no parked record fits")]
    Nothing,
    /// Letters that are not there, or are settled.
    #[error("no parked record has the number {0}")]
    NotParked(i64),
    /// The order of a key would be broken.
    #[error(
        "{letter} is behind {ahead}, an earlier parked record of its key: redrive that one first, or all of them with --all-of-key"
    )]
    Behind {
        /// The one that was asked for.
        letter: i64,
        /// The one that is ahead.
        ahead: i64,
    },
    /// A discard says why.
    #[error("a discard is for ever: it needs a reason")]
    NoReason,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeadLetters {
    /// Those in the database at `url`, with the password that is there or in `password`. Connects when it is asked something.
    pub fn at(url: &str, password: Option<&str>) -> Result<Self, StoreError> {
        let options: PgConnectOptions =
            url.parse().map_err(StoreError::doing("read the address of a database"))?;
        let options = match password {
            Some(password) => options.password(password),
            None => options,
        };
        let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(std::time::Duration::from_secs(5));
        Ok(Self { pool: pool.connect_lazy_with(options) })
    }

    /// The same over connections that are there.
    pub fn over(pool: PgPool) -> Self {
        Self { pool }
    }
}
