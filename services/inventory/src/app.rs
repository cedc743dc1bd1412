//! Puts the parts together. The only place that knows all of them.

use std::collections::HashMap;
use std::sync::Arc;

use events::topics;
use kernel::clock::SystemIds;
use messaging::lost::{UNKNOWN, until_it_may_begin};
use messaging::{Part, Runtime, Status};
use service_kit::{App, Database, Health, Importance, Lifecycle, Reporter, Running};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::consumer::Inventory;
use crate::http;
use crate::store::Postgres;

/// The service's name: consumer group, `ce_source`, label of metrics.
pub const SERVICE: &str = "inventory";
/// Where it answers unless told otherwise.
pub const PORT: u16 = 8102;

/// The topics it publishes to.
const WRITES: &[&str] = &[topics::INVENTORY, topics::PRODUCTS];

/// Runs the service until `shutdown`.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    start(config, shutdown).await?.join().await;
    Ok(())
}

/// Starts the service. Waits for nothing: database, Kafka and registry come when they come, and `/readyz` says so.
pub async fn start(config: Config, shutdown: CancellationToken) -> anyhow::Result<Running> {
    let lifecycle = Lifecycle::new(SERVICE, shutdown);
    let migrators = vec![&messaging::migrations::MIGRATOR, &crate::MIGRATOR];
    let settings = config.messaging.clone();
    let database = Database::open_when(&config.database, &lifecycle, migrators, |pool, reporter| {
        // Callers want to write here: it is not ready before it may.
        let tell = move |lost: Option<String>| reporter.down(lost.unwrap_or_else(|| UNKNOWN.to_owned()));
        until_it_may_begin(pool, settings, SERVICE, WRITES, tell)
    })?;
    let runtime = Runtime::new(
        SERVICE,
        database.loops().clone(),
        config.messaging.of_instance(config.http.place(PORT)).clone(),
        messaging::clock(),
        Arc::new(SystemIds),
        Arc::new(Dependencies::of(lifecycle.health())),
    );
    let (handler, repository) = (Arc::new(Inventory), Arc::new(Postgres));
    let token = || lifecycle.shutdown().clone();
    let consumer = messaging::consumer::run(runtime.clone(), handler, repository, token());
    let relay = messaging::relay::run::<events::Event>(runtime.clone(), token());
    database.spawn(&lifecycle, "consumer", consumer);
    database.spawn(&lifecycle, "relay", relay);
    let app = App::new(&lifecycle, http::routes(runtime.over(database.callers().clone())), http::api())
        .cors(&config.cors);
    Ok(app.serve(&config.http, PORT).await?)
}

/// What messaging depends on, in `/readyz`: work waits for it, callers do not.
struct Dependencies(HashMap<Part, Reporter>);

impl Dependencies {
    fn of(health: &Health) -> Self {
        let parts = [Part::Consumer, Part::Relay, Part::Registry];
        Self(parts.map(|part| (part, health.dependency(part.name(), Importance::Degradable))).into())
    }
}

impl Status for Dependencies {
    fn set(&self, part: Part, trouble: Option<&str>) {
        match (self.0.get(&part), trouble) {
            (Some(reporter), None) => reporter.ok(),
            (Some(reporter), Some(reason)) => reporter.down(reason),
            (None, _) => {}
        }
    }
}
