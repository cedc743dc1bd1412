//! How the parts of the gateway are put together, once.

use std::sync::Arc;

use kernel::clock::{SystemClock, SystemIds};
use service_kit::{App, Importance, Lifecycle, Running};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, PORT};
use crate::http::{self, ApiState};
use crate::ledger;

/// Runs the gateway until `shutdown` is cancelled.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    start(config, shutdown).await?.join().await;
    Ok(())
}

/// Starts the gateway; it answers when this returns.
pub async fn start(config: Config, shutdown: CancellationToken) -> anyhow::Result<Running> {
    let lifecycle = Lifecycle::new("payment-gateway", shutdown);
    let reporter = lifecycle.health().dependency("ledger", Importance::Critical);
    let (ledger, writer) =
        ledger::open(&config.gateway.ledger, Arc::new(SystemClock), Arc::new(SystemIds), reporter)?;
    let state = ApiState {
        ledger,
        slow_answer: config.gateway.slow_answer,
        late_answer: config.gateway.late_answer,
        shutdown: lifecycle.shutdown().clone(),
    };
    let app =
        App::new(&lifecycle, http::routes(state), http::api()).cors(&config.cors).unhurried("/authorize");
    let running = app.serve(&config.http, PORT).await?;
    lifecycle.spawn("ledger writer", async move {
        // Ends by itself once the last handler is gone; a panic in it ends this loop, and so shows in /readyz.
        let _panicked = tokio::task::spawn_blocking(|| writer.run()).await;
    });
    Ok(running)
}
