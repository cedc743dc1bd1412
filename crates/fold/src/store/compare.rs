//! The live tables beside the folded ones, at one moment.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt as _;
use messaging::{StoreError, standing};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Transaction};

use super::scratch::quoted;
use crate::{Detail, Table};

/// Where the service has its tables.
const LIVE: &str = "public";

/// The database as it is at one moment, while the service goes on.
pub(crate) struct Moment<'a> {
    transaction: Transaction<'a, Postgres>,
    schema: &'static str,
}

/// A row that differs.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) live: Option<Value>,
    pub(crate) folded: Option<Value>,
    /// Compaction may have taken its facts from the log.
    pub(crate) may_be_forgotten: bool,
}

/// A detail that differs.
#[derive(Debug)]
pub(crate) struct Odd {
    pub(crate) key: String,
    pub(crate) row: Option<String>,
    pub(crate) live: Option<Value>,
    pub(crate) expected: Option<Value>,
}

impl<'a> Moment<'a> {
    /// Now.
    pub(crate) async fn begin(
        connection: &'a mut PgConnection,
        schema: &'static str,
    ) -> Result<Self, StoreError> {
        let begun = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
        Ok(Self { transaction: begun.map_err(StoreError::doing("begin to compare"))?, schema })
    }

    /// Lets go of the tables: one that is only dropped would hold them until the connection is used again.
    pub(crate) async fn end(self) -> Result<(), StoreError> {
        self.transaction.rollback().await.map_err(StoreError::doing("end a comparison"))
    }

    /// How far the service has read.
    pub(crate) async fn positions(&mut self) -> Result<BTreeMap<(String, i32), i64>, StoreError> {
        standing::positions(&mut self.transaction).await
    }

    /// Keys with parked records.
    pub(crate) async fn parked(
        &mut self,
        topics: &[&str],
    ) -> Result<BTreeMap<(String, String), i64>, StoreError> {
        standing::parked(&mut self.transaction, topics).await
    }

    /// Which of these keys have events that are not in the log yet.
    pub(crate) async fn unsent(&mut self, keys: &[&str]) -> Result<BTreeSet<String>, StoreError> {
        standing::unsent(&mut self.transaction, keys).await
    }

    /// How many live rows have something that is folded.
    pub(crate) async fn count(&mut self, table: &Table) -> Result<i64, StoreError> {
        let folded = table.folded.unwrap_or("true");
        let query = format!("SELECT count(*) FROM {LIVE}.{} WHERE {folded}", quoted(table.name));
        sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&mut *self.transaction)
            .await
            .map_err(StoreError::doing("count rows"))
    }

    /// The rows that differ; `wanted`: only of these keys. Each is handed to `judge` at once: there may be many.
    pub(crate) async fn rows(
        &mut self,
        table: &Table,
        wanted: Option<&[&str]>,
        mut judge: impl FnMut(Pair),
    ) -> Result<(), StoreError> {
        let columns = self.columns(table).await?;
        let (name, key, folded) = (quoted(table.name), quoted(table.key), table.folded.unwrap_or("true"));
        let forgotten = table.forgotten.unwrap_or("false");
        let query = format!(
            "SELECT coalesce(l.{key}::text, f.{key}::text), to_jsonb(l), to_jsonb(f),
                    f.{key} IS NULL AND l.{key} IN (SELECT {key} FROM {LIVE}.{name} WHERE {forgotten})
             FROM (SELECT {columns} FROM {LIVE}.{name} WHERE {folded}) AS l
             FULL JOIN (SELECT {columns} FROM {schema}.{name} WHERE {folded}) AS f ON l.{key} = f.{key}
             WHERE l IS DISTINCT FROM f AND ($1::text[] IS NULL OR coalesce(l.{key}::text, f.{key}::text) = ANY($1))",
            schema = self.schema,
        );
        let mut rows =
            sqlx::query_as::<_, (String, Option<Value>, Option<Value>, Option<bool>)>(AssertSqlSafe(query))
                .bind(wanted)
                .fetch(&mut *self.transaction);
        while let Some((key, live, folded, may_be_forgotten)) =
            rows.try_next().await.map_err(StoreError::doing("compare rows"))?
        {
            judge(Pair { key, live, folded, may_be_forgotten: may_be_forgotten.unwrap_or(false) });
        }
        Ok(())
    }

    /// What differs beside rows.
    pub(crate) async fn details(
        &mut self,
        detail: &Detail,
        left_out: &[&str],
        wanted: Option<&[&str]>,
        mut found: impl FnMut(Odd),
    ) -> Result<(), StoreError> {
        let query = detail.query.replace("{live}", LIVE).replace("{fold}", self.schema);
        let mut rows =
            sqlx::query_as::<_, (String, Option<String>, Option<Value>, Option<Value>)>(AssertSqlSafe(query))
                .bind(left_out)
                .bind(wanted)
                .fetch(&mut *self.transaction);
        while let Some((key, row, live, expected)) =
            rows.try_next().await.map_err(StoreError::doing("compare details"))?
        {
            found(Odd { key, row, live, expected });
        }
        Ok(())
    }

    /// The columns to compare: all there are, but for those that are local or compared elsewhere.
    async fn columns(&mut self, table: &Table) -> Result<String, StoreError> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT column_name::text FROM information_schema.columns
             WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position",
        )
        .bind(LIVE)
        .bind(table.name)
        .fetch_all(&mut *self.transaction)
        .await
        .map_err(StoreError::doing("list columns"))?;
        let is_compared = |name: &str| {
            table.local.iter().all(|(local, _)| *local != name) && !table.elsewhere.contains(&name)
        };
        let spelt = |name: &String| match table.partly.iter().find(|(partly, _)| partly == name) {
            Some((_, part)) => format!("{part} AS {}", quoted(name)),
            None => quoted(name),
        };
        Ok(names.iter().filter(|name| is_compared(name)).map(spelt).collect::<Vec<_>>().join(", "))
    }
}
