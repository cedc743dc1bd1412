//! The swap: one transaction.

use messaging::{StoreError, standing};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::scratch::{Scratch, quoted};
use crate::FoldError;

/// What services hold while they migrate: one that starts waits until the swap is over.
const MIGRATING: i64 = 0x6366_2d6d_6967_7274;

impl Scratch {
    /// Refuses while an instance of the service is alive.
    pub(crate) async fn refuse_while_alive(&mut self) -> Result<(), FoldError> {
        refuse_while_alive(self.service, &mut self.connection).await
    }

    /// Puts these tables into the place of the live ones, with their owner and rights; returns how many events are lost.
    pub(crate) async fn swap(
        &mut self,
        tables: &[&str],
        finish: &[&'static str],
        lose_unsent: bool,
    ) -> Result<i64, FoldError> {
        let (service, schema) = (self.service, self.schema);
        let begun = self.connection.begin().await;
        let mut transaction = begun.map_err(StoreError::doing("begin the swap"))?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(MIGRATING)
            .execute(&mut *transaction)
            .await
            .map_err(StoreError::doing("keep the service from starting"))?;
        refuse_while_alive(service, &mut transaction).await?;
        let unsent = standing::unsent_count(&mut transaction).await?;
        if unsent > 0 && !lose_unsent {
            return Err(FoldError::Unsent { service, events: unsent });
        }
        for statement in finish {
            run(&mut transaction, statement, "finish the tables").await?;
        }
        let rules: Vec<(String, String, String)> =
            sqlx::query_as("SELECT relation, name, definition FROM fold_constraint")
                .fetch_all(&mut *transaction)
                .await
                .map_err(StoreError::doing("read the rules of the tables"))?;
        for (relation, name, definition) in rules {
            let (relation, name) = (quoted(&relation), quoted(&name));
            let statement = format!("ALTER TABLE {relation} ADD CONSTRAINT {name} {definition}");
            run(&mut transaction, &statement, "hold the folded rows to the rules of their tables").await?;
        }
        for table in tables {
            replace(&mut transaction, schema, table).await?;
        }
        standing::forget(&mut transaction).await?;
        run(&mut transaction, &format!("DROP SCHEMA {schema} CASCADE"), "drop the schema").await?;
        transaction.commit().await.map_err(StoreError::doing("commit the swap"))?;
        Ok(unsent)
    }

    /// Leaves the database as it is.
    pub(crate) async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }
}

async fn refuse_while_alive(service: &'static str, connection: &mut PgConnection) -> Result<(), FoldError> {
    let alive = standing::alive(connection, service).await?;
    if alive.is_empty() { Ok(()) } else { Err(FoldError::Alive { service, alive: alive.join("; ") }) }
}

async fn replace(connection: &mut PgConnection, schema: &str, table: &str) -> Result<(), StoreError> {
    let (old, new) = (format!("public.{}", quoted(table)), format!("{schema}.{}", quoted(table)));
    let owner: String = sqlx::query_scalar(
        "SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = $1::text::regclass",
    )
    .bind(&old)
    .fetch_one(&mut *connection)
    .await
    .map_err(StoreError::doing("look whose a table is"))?;
    let rights: Vec<(String, String)> = sqlx::query_as(
        "SELECT pg_get_userbyid(grantee)::text, privilege_type FROM pg_class, aclexplode(relacl)
         WHERE oid = $1::text::regclass AND grantee <> 0 AND grantee <> relowner",
    )
    .bind(&old)
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::doing("look who may use a table"))?;
    run(connection, &format!("ALTER TABLE {new} OWNER TO {}", quoted(&owner)), "give a table to its owner")
        .await?;
    for (role, right) in rights {
        run(connection, &format!("GRANT {right} ON {new} TO {}", quoted(&role)), "let a table be used")
            .await?;
    }
    run(connection, &format!("DROP TABLE {old}"), "drop a live table").await?;
    run(connection, &format!("ALTER TABLE {new} SET SCHEMA public"), "put a table in its place").await
}

async fn run(connection: &mut PgConnection, statement: &str, doing: &'static str) -> Result<(), StoreError> {
    let statement = AssertSqlSafe(statement.to_owned()); // names are ours, or quoted
    sqlx::raw_sql(statement).execute(connection).await.map_err(StoreError::doing(doing))?;
    Ok(())
}
