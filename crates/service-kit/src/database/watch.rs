//! Asks the server every half second whether it answers, over a connection of its own: a pool busy with load is no outage.

use std::pin::pin;
use std::time::Duration;

use metrics::Histogram;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use tokio::time::{Instant, timeout};

use crate::{Importance, Lifecycle, Reporter};

/// Pause between two questions.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long an answer may take; with the pause the report is never older than 1.5 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// How long one attempt to connect may take. Longer than the report waits for it: on a machine short of CPU an attempt that is
/// given up too early is made again for ever.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn spawn(lifecycle: &Lifecycle, options: PgConnectOptions) {
    let reporter = lifecycle.health().dependency("database", Importance::Critical);
    let answered = metrics::histogram!("database_ping_duration_seconds", "service" => lifecycle.service());
    let shutdown = lifecycle.shutdown().clone();
    lifecycle.spawn("database watch", async move {
        let work = async {
            let mut connection = None;
            loop {
                connection = ask(connection, &options, &reporter, &answered).await;
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        let _stopped: Option<()> = shutdown.run_until_cancelled(work).await;
    });
}

/// Asks once, over a new connection when there is none; gives back the connection if it still works.
async fn ask(
    connection: Option<PgConnection>,
    options: &PgConnectOptions,
    reporter: &Reporter,
    answered: &Histogram,
) -> Option<PgConnection> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => connect(options, reporter).await?,
    };
    let asked = Instant::now();
    match timeout(ANSWER_WITHIN, sqlx::query("SELECT 1").execute(&mut connection)).await {
        Ok(Ok(_)) => {
            answered.record(asked.elapsed());
            reporter.ok();
            return Some(connection);
        }
        Ok(Err(error)) => reporter.down(error.to_string()),
        Err(_) => reporter.down("no answer within 1 s"),
    }
    None
}

async fn connect(options: &PgConnectOptions, reporter: &Reporter) -> Option<PgConnection> {
    let mut connecting = pin!(timeout(CONNECT_WITHIN, options.connect()));
    let outcome = if let Ok(outcome) = timeout(ANSWER_WITHIN, &mut connecting).await {
        outcome
    } else {
        reporter.down("no connection within 1 s");
        connecting.await
    };
    match outcome {
        Ok(Ok(connection)) => return Some(connection),
        Ok(Err(error)) => reporter.down(error.to_string()),
        Err(_) => reporter.down("no connection within 10 s"),
    }
    None
}
