//! A schema of its own, with the tables of the service as its migrations make them, and the place in the log up to which they
//! are folded.

use std::collections::BTreeMap;

use messaging::{StoreError, standing};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Transaction};

use super::Database;
use super::snapshot::copy_in;
use crate::checkpoint::Found;
use crate::{FoldError, Purpose};

/// How far a partition is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The next record.
    pub(crate) next: i64,
    /// Beyond the last record that was read: behind it there may be marks of transactions.
    pub(crate) beyond_last: i64,
}

/// The schema.
pub(crate) struct Scratch {
    pub(super) connection: PgConnection,
    pub(super) service: &'static str,
    pub(super) schema: &'static str,
    is_new: bool,
    discarded: standing::Discarded,
}

/// Rules that hold at the end of a fold and not on the way, to be put back.
const CONSTRAINTS: &str = "INSERT INTO fold_constraint (relation, name, definition)
    SELECT relname, conname, pg_get_constraintdef(c.oid) FROM pg_constraint AS c
    JOIN pg_class AS t ON t.oid = c.conrelid
    WHERE c.contype = 'c' AND t.relnamespace = $1::text::regnamespace";

/// A schema without a place in the log was not made to its end, or has nothing folded: it can begin with a checkpoint.
async fn is_begun(connection: &mut PgConnection, schema: &str) -> Result<bool, StoreError> {
    let failed = || StoreError::doing("look for an earlier fold");
    let is_made: bool = sqlx::query_scalar("SELECT to_regclass($1::text || '.fold_position') IS NOT NULL")
        .bind(schema)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed())?;
    if !is_made {
        return Ok(false);
    }
    let has_places = format!("SELECT EXISTS (SELECT FROM {schema}.fold_position)");
    sqlx::query_scalar(AssertSqlSafe(has_places)).fetch_one(connection).await.map_err(failed())
}

const PLACES: &str = "CREATE TABLE fold_position (topic text, partition int, next_offset bigint NOT NULL,
    beyond_last bigint NOT NULL, PRIMARY KEY (topic, partition))";

impl Scratch {
    /// Takes the schema; a rebuild finds what an earlier one has done, an audit begins anew.
    pub(crate) async fn open(
        database: &Database,
        service: &'static str,
        purpose: Purpose,
    ) -> Result<Self, FoldError> {
        let schema = match purpose {
            Purpose::Audit => "audit",
            Purpose::Rebuild => "rebuild",
        };
        let mut connection = database.for_rows().await?;
        let taken: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended('fold ' || $1::text, 0))")
                .bind(schema)
                .fetch_one(&mut connection)
                .await
                .map_err(StoreError::doing("take the schema"))?;
        if !taken {
            return Err(FoldError::Busy { service, schema });
        }
        let is_whole = is_begun(&mut connection, schema).await?;
        let discarded = standing::discarded(&mut connection).await?;
        let is_new = purpose == Purpose::Audit || !is_whole;
        let mut scratch = Self { connection, service, schema, is_new, discarded };
        if !is_new {
            scratch.run(&format!("SET search_path TO {schema}"), "go into the schema").await?;
        }
        Ok(scratch)
    }

    /// Whether the tables are still to be made.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Its name.
    pub(crate) fn schema(&self) -> &'static str {
        self.schema
    }

    /// What somebody gave up.
    pub(crate) fn discarded(&self) -> &standing::Discarded {
        &self.discarded
    }

    /// Makes the tables.
    pub(crate) async fn make(
        &mut self,
        migrator: &Migrator,
        prepare: &[&'static str],
    ) -> Result<(), FoldError> {
        let (service, schema) = (self.service, self.schema);
        let anew = format!(
            "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; SET search_path TO {schema};"
        );
        self.run(&anew, "make a schema").await?;
        let made = migrator.run_direct(None, &mut self.connection, false).await;
        made.map_err(|source| FoldError::Migrate { service, schema, source })?;
        self.run("CREATE TABLE fold_constraint (relation text, name text, definition text)", "make a table")
            .await?;
        sqlx::query(CONSTRAINTS)
            .bind(schema)
            .execute(&mut self.connection)
            .await
            .map_err(StoreError::doing("put the rules of the tables aside"))?;
        let rules: Vec<(String, String)> = sqlx::query_as("SELECT relation, name FROM fold_constraint")
            .fetch_all(&mut self.connection)
            .await
            .map_err(StoreError::doing("read the rules of the tables"))?;
        for (relation, name) in rules {
            let statement = format!("ALTER TABLE {} DROP CONSTRAINT {}", quoted(&relation), quoted(&name));
            self.run(&statement, "put a rule aside").await?;
        }
        for statement in prepare {
            self.run(statement, "prepare a table").await?;
        }
        if schema == "audit" {
            self.unlogged().await?;
        }
        Ok(())
    }

    /// From here on it is gone on with: at the beginning, or where `base` ends, with its rows.
    pub(crate) async fn set_out(&mut self, base: Option<&Found>) -> Result<(), FoldError> {
        let mut transaction = self.begin().await?;
        sqlx::raw_sql(PLACES)
            .execute(&mut *transaction)
            .await
            .map_err(StoreError::doing("make the place in the log"))?;
        if let Some((base, Ok(manifest))) = base.map(|base| (base, &base.manifest)) {
            for piece in &manifest.files {
                let rows = base.read(piece).await?;
                copy_in(&mut transaction, &piece.table, &piece.columns, rows).await?;
            }
            for at in &manifest.positions {
                sqlx::query("INSERT INTO fold_position VALUES ($1, $2, $3, $3)")
                    .bind(&at.topic)
                    .bind(at.partition)
                    .bind(at.next)
                    .execute(&mut *transaction)
                    .await
                    .map_err(StoreError::doing("take over a place in the log"))?;
            }
        }
        transaction.commit().await.map_err(StoreError::doing("commit the beginning of a fold"))?;
        Ok(())
    }

    /// What is dropped anyway need not survive a crash of the server.
    async fn unlogged(&mut self) -> Result<(), StoreError> {
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = $1")
                .bind(self.schema)
                .fetch_all(&mut self.connection)
                .await
                .map_err(StoreError::doing("list tables"))?;
        for table in tables {
            self.run(&format!("ALTER TABLE {} SET UNLOGGED", quoted(&table)), "make a table light").await?;
        }
        Ok(())
    }

    /// How far it is, of these topics.
    pub(crate) async fn places(
        &mut self,
        topics: &[&'static str],
    ) -> Result<BTreeMap<(&'static str, i32), Place>, StoreError> {
        let rows: Vec<(String, i32, i64, i64)> =
            sqlx::query_as("SELECT topic, partition, next_offset, beyond_last FROM fold_position")
                .fetch_all(&mut self.connection)
                .await
                .map_err(StoreError::doing("load the place in the log"))?;
        let known = |(topic, partition, next, beyond_last): (String, i32, i64, i64)| {
            let topic = topics.iter().find(|known| **known == topic)?;
            Some(((*topic, partition), Place { next, beyond_last }))
        };
        Ok(rows.into_iter().filter_map(known).collect())
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_, Postgres>, StoreError> {
        self.connection.begin().await.map_err(StoreError::doing("begin to fold"))
    }

    /// Writes the place down.
    pub(crate) async fn remember(
        connection: &mut PgConnection,
        places: &BTreeMap<(&'static str, i32), Place>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO fold_position (topic, partition, next_offset, beyond_last)
             SELECT * FROM UNNEST($1::text[], $2::int[], $3::bigint[], $4::bigint[])
             ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset, beyond_last = excluded.beyond_last",
        )
        .bind(places.keys().map(|(topic, _)| *topic).collect::<Vec<_>>())
        .bind(places.keys().map(|(_, partition)| *partition).collect::<Vec<_>>())
        .bind(places.values().map(|place| place.next).collect::<Vec<_>>())
        .bind(places.values().map(|place| place.beyond_last).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(StoreError::doing("save the place in the log"))?;
        Ok(())
    }

    /// Drops it.
    pub(crate) async fn drop(mut self) -> Result<(), StoreError> {
        self.run(&format!("DROP SCHEMA {} CASCADE", self.schema), "drop the schema").await?;
        let _closed = self.connection.close().await;
        Ok(())
    }

    async fn run(&mut self, statements: &str, doing: &'static str) -> Result<(), StoreError> {
        let statements = AssertSqlSafe(statements.to_owned()); // names are ours, or quoted
        sqlx::raw_sql(statements).execute(&mut self.connection).await.map_err(StoreError::doing(doing))?;
        Ok(())
    }
}

/// A name as SQL spells it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
