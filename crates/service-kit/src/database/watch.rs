//! Asks the server every half second whether it answers, over a connection of its own: a pool busy with load is no outage.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::{Importance, Lifecycle, Reporter};

/// Pause between two questions.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long an answer may take; with the pause the report is never older than 1.5 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

pub(super) fn spawn(lifecycle: &Lifecycle, options: PgConnectOptions) {
    let reporter = lifecycle.health().dependency("database", Importance::Critical);
    let pool =
        PgPoolOptions::new().max_connections(1).acquire_timeout(ANSWER_WITHIN).connect_lazy_with(options);
    let shutdown = lifecycle.shutdown().clone();
    lifecycle.spawn("database watch", async move {
        while !shutdown.is_cancelled() {
            ask(&pool, &reporter).await;
            shutdown.run_until_cancelled(tokio::time::sleep(ASK_EVERY)).await;
        }
        pool.close().await;
    });
}

async fn ask(pool: &PgPool, reporter: &Reporter) {
    match tokio::time::timeout(ANSWER_WITHIN, sqlx::query("SELECT 1").execute(pool)).await {
        Ok(Ok(_)) => reporter.ok(),
        Ok(Err(error)) => reporter.down(error.to_string()),
        Err(_) => reporter.down("no answer within 1 s"),
    }
}
