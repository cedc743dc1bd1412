//! The live tables as they are at one moment, copied out, and copied into the schema of a fold.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use messaging::{StoreError, migrations, standing};
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};

use super::scratch::quoted;
use crate::checkpoint::{Reading, Writing};
use crate::{FoldError, Table};

/// The database as it is at one moment. It holds the lightest lock there is on what it reads: no write waits for it.
pub(crate) struct Snapshot<'a> {
    transaction: Transaction<'a, Postgres>,
}

/// Keeps a rebuild from swapping meanwhile: it would give up events that are waited for.
pub(crate) async fn take(connection: &mut PgConnection, service: &'static str) -> Result<(), FoldError> {
    let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended('fold rebuild', 0))")
        .fetch_one(connection)
        .await
        .map_err(StoreError::doing("keep a rebuild from beginning"))?;
    if taken { Ok(()) } else { Err(FoldError::Busy { service, schema: "rebuild" }) }
}

/// The last migration of this build, and the last that the live tables have had, which may be one of a newer build. Messaging counts its
/// own from far above those of a service.
pub(crate) async fn levels(
    connection: &mut PgConnection,
    migrator: &Migrator,
) -> Result<(i64, Option<i64>), StoreError> {
    let not_ours = migrations::MIGRATOR.iter().map(|one| one.version).min();
    let live: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM public._sqlx_migrations WHERE success AND version < $1")
            .bind(not_ours)
            .fetch_one(connection)
            .await
            .map_err(StoreError::doing("look at which migration the tables are"))?;
    Ok((migrator.iter().map(|one| one.version).max().unwrap_or(0), live))
}

impl<'a> Snapshot<'a> {
    /// Now: the first statement fixes the moment. Gives its time as well, for a name and for people.
    pub(crate) async fn begin(connection: &'a mut PgConnection) -> Result<(Self, String), StoreError> {
        let begun = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
        let mut transaction = begun.map_err(StoreError::doing("begin a snapshot"))?;
        let at = sqlx::query_scalar(
            r#"SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#,
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(StoreError::doing("take a snapshot"))?;
        Ok((Self { transaction }, at))
    }

    /// Up to where all that the service has read is in the rows: what is parked is not.
    pub(crate) async fn handled(&mut self) -> Result<BTreeMap<(String, i32), i64>, StoreError> {
        let mut positions = standing::positions(&mut self.transaction).await?;
        for (place, first) in standing::first_parked(&mut self.transaction).await? {
            positions.entry(place).and_modify(|next| *next = (*next).min(first));
        }
        Ok(positions)
    }

    /// The events of this moment that are not in the log yet.
    pub(crate) async fn unsent(&mut self) -> Result<Vec<i64>, StoreError> {
        standing::unsent_ids(&mut self.transaction).await
    }

    /// Writes what is folded of a table into a file; returns its columns. What is local are counts; they begin anew, as in a fold.
    pub(crate) async fn copy(&mut self, table: &Table, file: &mut Writing) -> Result<Vec<String>, FoldError> {
        let columns: Vec<String> = sqlx::query_scalar(
            "SELECT column_name::text FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position",
        )
        .bind(table.name)
        .fetch_all(&mut *self.transaction)
        .await
        .map_err(StoreError::doing("list columns"))?;
        let spelt = |name: &String| {
            if table.local.iter().any(|(local, _)| local == name) {
                return format!("0 AS {}", quoted(name));
            }
            match table.partly.iter().find(|(partly, _)| partly == name) {
                Some((_, part)) => format!("{part} AS {}", quoted(name)),
                None => quoted(name),
            }
        };
        let list = columns.iter().map(spelt).collect::<Vec<_>>().join(", ");
        let (name, folded) = (quoted(table.name), table.folded.unwrap_or("true"));
        let statement = format!("COPY (SELECT {list} FROM public.{name} WHERE {folded}) TO STDOUT");
        let failed = StoreError::doing("copy a table out");
        let mut pieces = self.transaction.copy_out_raw(&statement).await.map_err(failed)?;
        while let Some(bytes) = pieces.try_next().await.map_err(StoreError::doing("copy a table out"))? {
            file.write(&bytes).await?;
        }
        Ok(columns)
    }

    /// Lets go.
    pub(crate) async fn end(self) -> Result<(), StoreError> {
        self.transaction.rollback().await.map_err(StoreError::doing("end a snapshot"))
    }
}

/// Copies rows in; returns how many.
pub(crate) async fn copy_in(
    connection: &mut PgConnection,
    table: &str,
    columns: &[String],
    mut rows: Reading,
) -> Result<u64, FoldError> {
    let failed = || StoreError::doing("copy a table in");
    let list = columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
    let statement = format!("COPY {} ({list}) FROM STDIN", quoted(table));
    let mut copy = connection.copy_in_raw(&statement).await.map_err(failed())?;
    loop {
        match rows.next().await {
            Ok(Some(bytes)) => {
                copy.send(bytes).await.map_err(failed())?;
            }
            Ok(None) => return Ok(copy.finish().await.map_err(failed())?),
            Err(error) => {
                let _aborted = copy.abort("the file cannot be read").await;
                return Err(error);
            }
        }
    }
}
