//! How the parts of billing are put together, once.

use std::sync::Arc;

use events::topics;
use kernel::clock::SystemIds;
use messaging::Part;
use messaging::lost::until_it_may_begin;
use service_kit::{App, Database, Importance, Lifecycle, Reporter, Running};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, PORT};
use crate::consumer::Billing;
use crate::gateway::HttpGateway;
use crate::http::{self, ApiState};
use crate::store::{MIGRATOR, Payments};
use crate::worker::Caller;

/// Runs billing until `shutdown` is cancelled.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    start(config, shutdown).await?.join().await;
    Ok(())
}

/// Starts billing; it answers when this returns, and needs neither database nor Kafka for that.
pub async fn start(config: Config, shutdown: CancellationToken) -> anyhow::Result<Running> {
    let lifecycle = Lifecycle::new("billing", shutdown);
    let (service, settings) = (lifecycle.service(), config.messaging.clone());
    let migrators = vec![&messaging::migrations::MIGRATOR, &MIGRATOR];
    let database = Database::open_when(&config.database, &lifecycle, migrators, |pool, reporter| {
        until_it_may_begin(pool, settings, service, &[topics::PAYMENTS], move |lost| reporter.report(lost))
    })?;
    let gateway = HttpGateway::new(&config.gateway)?;
    let runtime = messaging::Runtime::new(
        lifecycle.service(),
        database.loops().clone(),
        config.messaging.of_instance(config.http.place(PORT)),
        messaging::clock(),
        Arc::new(SystemIds),
        Arc::new(Dependencies::new(&lifecycle)),
    );
    spawn_loops(&lifecycle, &database, &runtime, gateway);
    let routes = http::routes(ApiState { pool: database.callers().clone() });
    let app = App::new(&lifecycle, routes, http::api()).cors(&config.cors);
    Ok(app.serve(&config.http, PORT).await?)
}

fn spawn_loops(
    lifecycle: &Lifecycle,
    database: &Database,
    runtime: &messaging::Runtime,
    gateway: HttpGateway,
) {
    let (handler, repository) = (Arc::new(Billing), Arc::new(Payments));
    let shutdown = lifecycle.shutdown();
    let consumer =
        messaging::consumer::run(runtime.clone(), handler.clone(), repository.clone(), shutdown.clone());
    let relay = messaging::relay::run::<events::Event>(runtime.clone(), shutdown.clone());
    let caller = Arc::new(Caller::new(gateway));
    let intents = messaging::intents::run(runtime.clone(), handler, repository, caller, shutdown.clone());
    database.spawn(lifecycle, "consumer", consumer);
    database.spawn(lifecycle, "relay", relay);
    database.spawn(lifecycle, "intents", intents);
}

/// The parts messaging depends on, as they appear in `/readyz`.
struct Dependencies {
    consumer: Reporter,
    relay: Reporter,
    registry: Reporter,
    gateway: Reporter,
}

impl Dependencies {
    fn new(lifecycle: &Lifecycle) -> Self {
        let dependency = |name| lifecycle.health().dependency(name, Importance::Degradable);
        let gateway = dependency("payment_gateway");
        // Nobody asks the gateway how it is; a call that fails will tell.
        gateway.ok();
        Self {
            consumer: dependency(Part::Consumer.name()),
            relay: dependency(Part::Relay.name()),
            registry: dependency(Part::Registry.name()),
            gateway,
        }
    }
}

impl messaging::Status for Dependencies {
    fn set(&self, part: Part, trouble: Option<&str>) {
        let reporter = match part {
            Part::Consumer => &self.consumer,
            Part::Relay => &self.relay,
            Part::Registry => &self.registry,
            Part::Outside => &self.gateway,
        };
        match trouble {
            None => reporter.ok(),
            Some(reason) => reporter.down(reason),
        }
    }
}
