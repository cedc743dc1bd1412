//! The one place that knows all the parts.

use std::sync::Arc;

use events::topics;
use kernel::clock::SystemIds;
use messaging::Runtime;
use messaging::lost::{UNKNOWN, until_it_may_begin};
use service_kit::{App, Database, Lifecycle, Running};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::consumer::OrderHandler;
use crate::http::{self, AppState, Desk};
use crate::metrics;
use crate::signals::{Outage, Signals};
use crate::store::Store;
use crate::sweeper::Sweeper;
use crate::watchers::Watchers;

/// The port when none is set.
pub const PORT: u16 = 8101;

/// The topics it publishes to.
const WRITES: &[&str] = &[topics::ORDERS, topics::CUSTOMERS];

/// Runs the service until `shutdown`.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    start(config, shutdown).await?.join().await;
    Ok(())
}

/// Starts everything. Needs neither database nor Kafka nor registry to be there yet.
pub async fn start(config: Config, shutdown: CancellationToken) -> anyhow::Result<Running> {
    let lifecycle = Lifecycle::new("order", shutdown);
    metrics::register();
    let (service, settings) = (lifecycle.service(), config.messaging.clone());
    let migrators = vec![&messaging::migrations::MIGRATOR, &crate::MIGRATOR];
    let database = Database::open_when(&config.database, &lifecycle, migrators, |pool, reporter| {
        // Callers want to write here: it is not ready before it may.
        let tell = move |lost: Option<String>| reporter.down(lost.unwrap_or_else(|| UNKNOWN.to_owned()));
        until_it_may_begin(pool, settings, service, WRITES, tell)
    })?;
    let outage = Outage::default();
    let runtime = Runtime::new(
        "order",
        database.loops().clone(),
        config.messaging.of_instance(config.http.place(PORT)),
        messaging::clock(),
        Arc::new(SystemIds),
        Arc::new(Signals::new(lifecycle.health(), outage.clone())),
    );
    let watchers = Watchers::new(config.orders.waiters_max);
    let callers = runtime.over(database.callers().clone());
    let (desk, taking) = Desk::open(callers.clone(), config.orders.clone());
    lifecycle.spawn("desk", taking);
    let state = AppState {
        runtime: callers,
        desk,
        settings: config.orders.clone(),
        watchers: watchers.clone(),
        shutdown: lifecycle.shutdown().clone(),
    };
    spawn_messaging(&lifecycle, &database, &runtime, &watchers);
    let sweeper = Sweeper { runtime, settings: config.orders.clone(), outage, watchers: watchers.clone() };
    database.spawn(&lifecycle, "sweeper", sweeper.run(lifecycle.shutdown().clone()));
    let watch =
        watchers.run(database.loops().clone(), config.orders.watch_every, lifecycle.shutdown().clone());
    lifecycle.spawn("watchers", watch);
    let app =
        App::new(&lifecycle, http::routes(state), http::api()).cors(&config.cors).unhurried(http::GET_ORDER);
    Ok(app.serve(&config.http, PORT).await?)
}

fn spawn_messaging(lifecycle: &Lifecycle, database: &Database, runtime: &Runtime, watchers: &Watchers) {
    let handler = Arc::new(OrderHandler::new(watchers.clone()));
    let consumer =
        messaging::consumer::run(runtime.clone(), handler, Arc::new(Store), lifecycle.shutdown().clone());
    let relay = messaging::relay::run::<events::Event>(runtime.clone(), lifecycle.shutdown().clone());
    database.spawn(lifecycle, "consumer", consumer);
    database.spawn(lifecycle, "relay", relay);
}
