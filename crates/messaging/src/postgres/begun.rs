//! Whether a service has begun on a database.

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::StoreError;

/// Tables of messaging in which a service that has begun leaves something.
const OURS: [&str; 4] = ["position", "inbox", "intent", "outbox"];

/// Whether no table has a row: neither the service's own nor those of messaging that it would have written to.
pub async fn is_empty(pool: &PgPool) -> Result<bool, StoreError> {
    let mut connection = pool.acquire().await.map_err(StoreError::doing("connect"))?;
    let own: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
         WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::doing("list the tables of the service"))?;
    for table in own.into_iter().chain(OURS.map(|table| format!("messaging.{table}"))) {
        if has_rows(&mut connection, &table).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn has_rows(connection: &mut PgConnection, table: &str) -> Result<bool, StoreError> {
    let query = AssertSqlSafe(format!("SELECT EXISTS (SELECT FROM {table})")); // quoted by Postgres, or ours
    sqlx::query_scalar(query)
        .fetch_one(connection)
        .await
        .map_err(StoreError::doing("look whether a table is empty"))
}
