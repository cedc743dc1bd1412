//! The service's own database: pool, migrations, health.

mod errors;
mod migrate;
mod pools;
mod watch;

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool};
use tokio::sync::watch as channel;

use crate::config::DatabaseArgs;
use crate::{Importance, Lifecycle, Reporter};

pub use errors::is_outage;
pub use migrate::{MigrationError, migrate};

/// Who waits for a connection has time to try another one.
const IDLE_ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// A caller may hang up in the middle of a statement. The server gives that up after 10 s; then it answers, or it is gone.
const BUSY_ANSWERS_WITHIN: Duration = Duration::from_secs(12);
/// Loops wait longer than the server takes to give a statement up: what they gave up has no answer any more.
const GIVEN_UP_ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// How long a caller waits for a connection.
const ACQUIRE_WITHIN: Duration = Duration::from_millis(1_400);
/// A connection idle for longer is asked whether it still works before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// A setting of the database is wrong.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The text is no URL of a Postgres database; it is not shown, for it holds a password.
    #[error("{setting} is not of the form postgres://role:password@host:port/database")]
    BadUrl {
        /// Flag and environment variable.
        setting: &'static str,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
    /// The file with the password is not there, not ours, or empty.
    #[error("cannot read a password from {file}, see --database-password-file (DATABASE_PASSWORD_FILE)")]
    NoPassword {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// The database of a running service. Opening never waits: while the server is away the service runs and is not ready.
#[derive(Clone, Debug)]
pub struct Database {
    callers: PgPool,
    loops: PgPool,
    migrated: channel::Receiver<bool>,
}

impl Database {
    /// Makes the pools, applies `migrators` in the background (in their order, as soon as the server answers) and watches the
    /// server; both show in `/readyz` as `migrations` and `database`. Fails only for a setting that is wrong.
    pub fn open(
        args: &DatabaseArgs,
        lifecycle: &Lifecycle,
        migrators: Vec<&'static Migrator>,
    ) -> Result<Self, DatabaseError> {
        Self::open_when(args, lifecycle, migrators, |_, _| std::future::ready(()))
    }

    /// The same for a service that may not begin on any database: what `may_begin` returns is waited for once the tables are
    /// there. Until it ends loops wait, what may write is answered 503, and `migrations` in `/readyz` is as it reports.
    pub fn open_when<W: Future<Output = ()> + Send + 'static>(
        args: &DatabaseArgs,
        lifecycle: &Lifecycle,
        migrators: Vec<&'static Migrator>,
        may_begin: impl FnOnce(PgPool, Reporter) -> W,
    ) -> Result<Self, DatabaseError> {
        let running =
            options(args.database_url.reveal(), "--database-url (DATABASE_URL)", lifecycle.service())?;
        let running = match &args.database_password_file {
            Some(file) => running.password(&password(file)?),
            None => running,
        };
        let admin = match &args.database_admin_url {
            Some(url) => {
                Some(options(url.reveal(), "--database-admin-url (DATABASE_ADMIN_URL)", lifecycle.service())?)
            }
            None => None,
        };
        watch::spawn(lifecycle, running.clone());
        let migrating = args.migrate.then(|| migrate::Migrating::new(running.clone(), admin, migrators));
        // All connections are made at once and kept: one that is made while a caller waits is given up with the wait, and on
        // a machine short of CPU, where proving the password takes longer than a caller waits, so would be the next.
        let running = bounded(running);
        let service = lifecycle.service();
        let kept = |name, size, released_answer_within| {
            let options = pool_options(size, released_answer_within)
                .min_connections(size)
                .idle_timeout(None)
                .max_lifetime(None);
            let options = options.after_connect(move |_, _| {
                pools::opened(service, name).increment(1);
                Box::pin(std::future::ready(Ok(())))
            });
            options.connect_lazy_with(running.clone())
        };
        let half = args.database_pool_size / 2;
        let callers = kept("callers", args.database_pool_size - half, BUSY_ANSWERS_WITHIN);
        let loops = kept("loops", half, GIVEN_UP_ANSWERS_WITHIN);
        pools::spawn(lifecycle, [("callers", callers.clone()), ("loops", loops.clone())]);
        let reporter = lifecycle.health().dependency("migrations", Importance::Critical);
        let may_begin = may_begin(loops.clone(), reporter.clone());
        let migrated = migrate::spawn(lifecycle, migrating, reporter, may_begin);
        Ok(Self { callers, loops, migrated })
    }

    /// Connections for requests; waits at most 1.4 s for one.
    pub fn callers(&self) -> &PgPool {
        &self.callers
    }

    /// Connections for everything else. Apart, because whoever waits for one waits behind all who came before: under more
    /// requests than the service can take, nothing that was accepted would be worked on.
    pub fn loops(&self) -> &PgPool {
        &self.loops
    }

    /// Waits until the migrations are applied and the service may begin; loops begin with it. For ever when the service stops before.
    pub async fn migrated(&self) {
        if self.migrated.clone().wait_for(|done| *done).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs a loop of the service from the moment its tables are there ([`Lifecycle::spawn`]).
    pub fn spawn(
        &self,
        lifecycle: &Lifecycle,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let (database, shutdown) = (self.clone(), lifecycle.shutdown().clone());
        lifecycle.spawn(name, async move {
            if shutdown.run_until_cancelled(database.migrated()).await.is_some() {
                work.await;
            }
        });
    }
}

/// A pool as services use it, without migrations and health; for tools and tests.
pub fn connect(url: &str, application: &str, size: u32) -> Result<PgPool, DatabaseError> {
    let options = options(url, "the database URL", application)?;
    Ok(pool_options(size, BUSY_ANSWERS_WITHIN).connect_lazy_with(bounded(options)))
}

/// What a file says, without the new line that editors put at its end.
fn password(file: &Path) -> Result<String, DatabaseError> {
    let text = std::fs::read_to_string(file).and_then(|text| match text.trim_end_matches(['\r', '\n']) {
        "" => Err(std::io::Error::other("it is empty")),
        password => Ok(password.to_owned()),
    });
    text.map_err(|source| DatabaseError::NoPassword { file: file.display().to_string(), source })
}

fn options(url: &str, setting: &'static str, application: &str) -> Result<PgConnectOptions, DatabaseError> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(DatabaseError::BadUrl {
            setting,
            source: sqlx::Error::Configuration("another scheme".into()),
        });
    }
    let parsed: PgConnectOptions = url.parse().map_err(|source| DatabaseError::BadUrl { setting, source })?;
    Ok(parsed.application_name(application))
}

/// Bounds for what a service does with its own data; migrations run without.
fn bounded(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        ("statement_timeout", "10s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "15s"),
        // Every statement finds its rows one by one by an index, and the first of them in its order. A plan made while a
        // table was small would read all of it, and a session keeps its plans while the table grows.
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("jit", "off"),
    ])
}

fn pool_options(size: u32, released_answer_within: Duration) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_WITHIN)
        // A ping before each use costs a round trip; a connection used a moment ago has proved itself.
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > TRUSTED_IDLE {
                    answers(connection, IDLE_ANSWERS_WITHIN).await?;
                }
                Ok(true)
            })
        })
        // Whoever gave up waiting for an answer gives back a connection that may never have one. The pool would wait for it as
        // well, for ever, and be one connection smaller.
        .after_release(move |connection, _| {
            Box::pin(async move { answers(connection, released_answer_within).await.map(|()| true) })
        })
}

async fn answers(connection: &mut PgConnection, within: Duration) -> Result<(), sqlx::Error> {
    let answered = tokio::time::timeout(within, sqlx::Connection::ping(connection)).await;
    answered.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
