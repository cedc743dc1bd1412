//! How much of the pools is in use.

use std::time::Duration;

use sqlx::PgPool;

use crate::Lifecycle;

/// Reading it costs two loads from memory a pool.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Measures until shutdown.
pub(super) fn spawn(lifecycle: &Lifecycle, pools: [(&'static str, PgPool); 2]) {
    let (service, shutdown) = (lifecycle.service(), lifecycle.shutdown().clone());
    for (name, pool) in &pools {
        let max = pool.options().get_max_connections();
        metrics::gauge!("database_pool_connections_max", "service" => service, "pool" => *name).set(max);
        opened(service, name).increment(0);
    }
    lifecycle.spawn("pool watch", async move {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            for (name, pool) in &pools {
                let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
                measure(service, name, "idle", idle);
                measure(service, name, "used", pool.size().saturating_sub(idle));
            }
        }
    });
}

/// Counts a connection that was made.
pub(super) fn opened(service: &'static str, pool: &'static str) -> metrics::Counter {
    metrics::counter!("database_connections_opened_total", "service" => service, "pool" => pool)
}

fn measure(service: &'static str, pool: &'static str, state: &'static str, connections: u32) {
    metrics::gauge!("database_pool_connections", "service" => service, "pool" => pool, "state" => state)
        .set(connections);
}
