//! What a service says of its rows.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;

use kernel::Event;
use messaging::{Received, StoreError};
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

/// How the facts of the log become the rows of a service. Pure, and without effects: what it returns cannot name any.
pub trait Projection: Send + Sync + 'static {
    /// The catalogue.
    type Event: Event;
    /// Names an aggregate.
    type Key: Ord + Clone + Debug + Send + Sync + 'static;
    /// The rows of a batch, by key.
    type Rows: Send + 'static;

    /// The service.
    fn service(&self) -> &'static str;

    /// The topics that are folded, without prefix: its own, and what it copies from others. Those of [`Self::leads`] come last.
    fn topics(&self) -> &'static [&'static str];

    /// Topics that bring aggregates into being which facts of the other topics need ([`Evolved::Early`]).
    fn leads(&self) -> &'static [&'static str] {
        &[]
    }

    /// The tables that are folded. What is not named is compared: a new column cannot be forgotten.
    fn tables(&self) -> &'static [Table];

    /// Adds the aggregates that `event` touches.
    fn keys(&self, event: &Self::Event, keys: &mut BTreeSet<Self::Key>);

    /// Takes a fact in, in the order of its partition. One that was had before changes nothing.
    fn evolve(&self, rows: &mut Self::Rows, fact: &Received<Self::Event>) -> Evolved;
}

/// What became of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evolved {
    /// It is taken in, or means nothing here.
    Taken,
    /// It is about something that a topic of [`Projection::leads`] has yet to bring. It is put aside until then; where nothing
    /// comes by the end of the log, the live service passed over it as well.
    Early,
}

/// Loads and saves the rows of a projection, many at once, in the schema the connection is set to.
pub trait Shelf<P: Projection>: Send + Sync + 'static {
    /// The tables of the service.
    fn migrator(&self) -> &'static Migrator;

    /// What is changed about the tables before anything is folded into them, a statement each.
    fn prepare(&self) -> &'static [&'static str] {
        &[]
    }

    /// What is done before they take the place of the live ones: takes back [`Self::prepare`], forgets what is local.
    fn finish(&self) -> &'static [&'static str] {
        &[]
    }

    /// What is compared beside the rows of the tables.
    fn details(&self) -> &'static [Detail] {
        &[]
    }

    /// Loads rows.
    fn load(
        &self,
        connection: &mut PgConnection,
        keys: &BTreeSet<P::Key>,
    ) -> impl Future<Output = Result<P::Rows, StoreError>> + Send;

    /// Writes what changed.
    fn save(
        &self,
        connection: &mut PgConnection,
        rows: P::Rows,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A table with a row an aggregate.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The column that names the aggregate; as text it is the key of its records.
    pub key: &'static str,
    /// The columns that number the events a row was made of. Rows with the same numbers must be the same.
    pub numbers: &'static [Number],
    /// Columns that the log does not tell, each with the reason.
    pub local: &'static [(&'static str, &'static str)],
    /// Columns that a [`Detail`] compares.
    pub elsewhere: &'static [&'static str],
    /// Columns of which only a part is folded: that part, as SQL.
    pub partly: &'static [(&'static str, &'static str)],
    /// Columns that nobody should read in a report.
    pub personal: &'static [&'static str],
    /// Rows in which something is folded, as SQL; others are local.
    pub folded: Option<&'static str>,
    /// Live rows whose facts compaction may have taken from the log, as SQL.
    pub forgotten: Option<&'static str>,
}

impl Table {
    /// One of which all is folded.
    pub const fn new(name: &'static str, key: &'static str, numbers: &'static [Number]) -> Self {
        Self {
            name,
            key,
            numbers,
            local: &[],
            elsewhere: &[],
            partly: &[],
            personal: &[],
            folded: None,
            forgotten: None,
        }
    }
}

/// A column that numbers events.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// The column.
    pub column: &'static str,
    /// The topic of the events, without prefix.
    pub topic: &'static str,
    /// Who writes them.
    pub whose: Whose,
}

/// Who writes the events a row was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The service, in one transaction with the row: the log is never ahead.
    Own,
    /// Another one: the row follows the log.
    Others,
}

impl Number {
    /// Of the service's own events.
    pub const fn own(column: &'static str, topic: &'static str) -> Self {
        Self { column, topic, whose: Whose::Own }
    }

    /// Of events of others.
    pub const fn seen(column: &'static str, topic: &'static str) -> Self {
        Self { column, topic, whose: Whose::Others }
    }
}

/// What is compared beside the rows of a table.
#[derive(Clone, Copy, Debug)]
pub struct Detail {
    /// The table it looks at.
    pub table: &'static str,
    /// The table whose row says when it can be compared; `None`: it holds at any moment.
    pub of: Option<&'static str>,
    /// Gives what differs: key of the aggregate, name of the row, live, expected (objects, or null where there is none). Schemas are
    /// written `{live}` and `{fold}`; `$1` are keys to be left out, `$2` the only ones that are wanted, or null.
    pub query: &'static str,
}
