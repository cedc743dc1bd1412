//! Publishes what is in the outbox: ordinary topics by shards of keys, compacted topics by one fenced producer.

mod compacted;
mod leases;
mod ordinary;
mod publish;
mod wake;

use std::sync::Arc;
use std::time::Duration;

use kernel::Event;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::registry::Registry;
use crate::{Part, Runtime, StoreError, gauges, metrics};

const REGISTRY_EVERY: Duration = Duration::from_secs(5);
/// What is in flight at a stop may take this long.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(2_500);
/// A database that neither answers nor hangs up.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs until `shutdown`, then sends what is in flight and gives its shards back. Never ends by an error.
pub async fn run<E: Event>(runtime: Runtime, shutdown: CancellationToken) {
    let registry = match Registry::new(&runtime.settings.registry_url) {
        Ok(registry) => Arc::new(registry),
        Err(error) => return tracing::error!(%error, "cannot make an HTTP client for the registry"),
    };
    metrics::register_relay(runtime.service, &publish::PublishError::REASONS);
    let (wake, woken, compacted_woken) = wake::channel();
    let (held, shards) = leases::channel();
    let ended = CancellationToken::new(); // the leases are kept until the relays have sent what is in flight
    let relays = async {
        tokio::join!(
            ordinary::run::<E>(&runtime, &registry, shards.clone(), woken, &shutdown),
            compacted::run::<E>(&runtime, &registry, shards.clone(), compacted_woken, &shutdown),
        );
        ended.cancel();
    };
    tokio::join!(
        relays,
        leases::keep(&runtime, held, &ended),
        wake::forward(&runtime, wake, shards.clone(), &shutdown),
        shutdown.run_until_cancelled(gauges::outbox(&runtime)),
        shutdown.run_until_cancelled(watch_registry(&runtime, &registry)),
    );
}

/// For a service that publishes nothing, and so has no relay: what one looks after besides. Measures the dead letters and asks whether
/// the registry answers, until `shutdown`.
pub async fn watch(runtime: Runtime, shutdown: CancellationToken) {
    let registry = match Registry::new(&runtime.settings.registry_url) {
        Ok(registry) => registry,
        Err(error) => return tracing::error!(%error, "cannot make an HTTP client for the registry"),
    };
    let both = async { tokio::join!(gauges::outbox(&runtime), watch_registry(&runtime, &registry)) };
    shutdown.run_until_cancelled(both).await;
}

/// A session of its own whose commits do not wait for the disk: a deletion that is lost only repeats a record.
async fn session(runtime: &Runtime) -> Result<PgConnection, StoreError> {
    let options = (*runtime.pool.connect_options()).clone().options([("synchronous_commit", "off")]);
    options.connect().await.map_err(StoreError::doing("connect"))
}

/// Tells whether the registry answers, also while nobody needs it.
async fn watch_registry(runtime: &Runtime, registry: &Registry) {
    let mut every = tokio::time::interval(REGISTRY_EVERY);
    loop {
        every.tick().await;
        let trouble = registry.answers().await.err().map(|error| error.to_string());
        runtime.report(Part::Registry, "watch", trouble.as_deref());
    }
}
