//! Migrations at start: under a lock, as the admin if there is one, retried while the server is away.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::watch as channel;

use crate::problem::chain;
use crate::{Lifecycle, Reporter};

/// Pauses between two attempts.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Key of the advisory lock that instances of a service wait for; any number, the same for all ("cf-migrt" in ASCII).
const LOCK_KEY: i64 = 0x6366_2d6d_6967_7274;

/// What failed while migrating.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The server is away or refuses the role.
    #[error("connecting to migrate")]
    Connect(#[source] sqlx::Error),
    /// Another instance holds the lock and the connection broke.
    #[error("waiting for the migration lock")]
    Lock(#[source] sqlx::Error),
    /// A migration failed, or differs from the one that was applied.
    #[error("applying migrations")]
    Apply(#[source] MigrateError),
    /// The running role could not be given its rights.
    #[error("granting the running role its rights on schema {schema}")]
    Grant {
        /// Which schema.
        schema: String,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
}

/// What is to be applied, and as whom.
pub(super) struct Migrating {
    options: PgConnectOptions,
    granted_to: Option<String>,
    migrators: Vec<&'static Migrator>,
}

impl Migrating {
    /// By `admin` for the running role, or by that itself.
    pub(super) fn new(
        running: PgConnectOptions,
        admin: Option<PgConnectOptions>,
        migrators: Vec<&'static Migrator>,
    ) -> Self {
        let granted_to = admin.as_ref().map(|_| running.get_username().to_owned());
        Self { options: admin.unwrap_or(running), granted_to, migrators }
    }

    /// Tries until it is done.
    async fn done(&self, reporter: &Reporter) {
        let mut pause = RETRY_FIRST;
        while let Err(error) = migrate(&self.options, self.granted_to.as_deref(), &self.migrators).await {
            let error = chain(&error);
            tracing::debug!(error, "migrations are not applied, trying again");
            reporter.down(error);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }
}

/// Migrates in the background where that is wanted, then waits until the service `may_begin`; tells through the channel.
pub(super) fn spawn(
    lifecycle: &Lifecycle,
    wanted: Option<Migrating>,
    reporter: Reporter,
    may_begin: impl Future<Output = ()> + Send + 'static,
) -> channel::Receiver<bool> {
    let (done, migrated) = channel::channel(false);
    let (shutdown, health) = (lifecycle.shutdown().clone(), lifecycle.health().clone());
    health.set_begun(false);
    lifecycle.spawn("migrations", async move {
        let attempts = async {
            if let Some(migrating) = wanted {
                migrating.done(&reporter).await;
            }
            may_begin.await;
        };
        if shutdown.run_until_cancelled(attempts).await.is_some() {
            health.set_begun(true);
            reporter.ok();
            done.send_replace(true);
        }
        // Keeps the sender, whose end would read as a failure, and the loop, whose end would read as an accident.
        shutdown.cancelled().await;
    });
    migrated
}

/// Applies `migrators` in their order over one connection, under one lock. With `granted_to` that role then gets
/// SELECT, INSERT, UPDATE and DELETE on every table, now and later, and nothing else.
pub async fn migrate(
    options: &PgConnectOptions,
    granted_to: Option<&str>,
    migrators: &[&Migrator],
) -> Result<(), MigrationError> {
    let mut connection = options.connect().await.map_err(MigrationError::Connect)?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK_KEY)
        .execute(&mut connection)
        .await
        .map_err(MigrationError::Lock)?;
    for migrator in migrators {
        let migrator = before_newer_ones(migrator);
        // `run` takes any `Acquire`, which the compiler cannot prove to be `Send` here; this is what it calls.
        migrator.run_direct(None, &mut connection, false).await.map_err(MigrationError::Apply)?;
    }
    if let Some(role) = granted_to {
        grant(&mut connection, role).await?;
    }
    // The lock goes with the connection.
    let _closed = connection.close().await;
    Ok(())
}

/// A newer release may have migrated further already: in a rollout both run on the same tables, and this one may start again
/// meanwhile. What it added does not disturb this one (docs/migrations.md); what both know must be the same, as ever.
fn before_newer_ones(migrator: &Migrator) -> Migrator {
    Migrator {
        migrations: migrator.migrations.to_vec().into(),
        ignore_missing: true,
        locking: migrator.locking,
        no_tx: migrator.no_tx,
        table_name: migrator.table_name.clone(),
        create_schemas: migrator.create_schemas.clone(),
    }
}

async fn grant(connection: &mut PgConnection, role: &str) -> Result<(), MigrationError> {
    let failed = |schema: &str| {
        let schema = schema.to_owned();
        move |source| MigrationError::Grant { schema, source }
    };
    let schemas: Vec<String> = sqlx::query_scalar(
        "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed("*"))?;
    for schema in schemas {
        let (quoted_schema, role) = (quoted(&schema), quoted(role));
        let statements = format!(
            "GRANT USAGE ON SCHEMA {quoted_schema} TO {role};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {quoted_schema} TO {role};
             GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {quoted_schema} TO {role};
             ALTER DEFAULT PRIVILEGES IN SCHEMA {quoted_schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
             ALTER DEFAULT PRIVILEGES IN SCHEMA {quoted_schema} GRANT USAGE, SELECT ON SEQUENCES TO {role};"
        );
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut *connection).await.map_err(failed(&schema))?;
    }
    Ok(())
}

/// A name as SQL spells it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
