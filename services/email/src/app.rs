//! Puts the service together; the only place that knows all its parts.

use std::sync::Arc;

use anyhow::Context as _;
use events::topics;
use kernel::clock::SystemIds;
use messaging::lost::until_it_may_begin;
use messaging::{Part, Runtime};
use service_kit::{App, Database, Importance, Lifecycle, Reporter, Running};
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::consumer::Email;
use crate::http;
use crate::mailer::{Stationery, Transport};
use crate::perform::{Sender, register_metrics};
use crate::store::Store;

/// Where it answers unless told otherwise.
pub const DEFAULT_PORT: u16 = 8104;

/// Starts everything; the address is known when this returns, the database, Kafka and the mail server need not be there.
pub async fn start(config: Config, shutdown: CancellationToken) -> anyhow::Result<Running> {
    let transport = Transport::open(&config.mail)?;
    let stationery = Stationery::new(&config.mail);
    let lifecycle = Lifecycle::new("email", shutdown);
    register_metrics();
    let (service, settings) = (lifecycle.service(), config.messaging.clone());
    let migrators = vec![&messaging::migrations::MIGRATOR, &crate::MIGRATOR];
    let database = Database::open_when(&config.database, &lifecycle, migrators, |pool, reporter| {
        until_it_may_begin(pool, settings, service, &[topics::EMAILS], move |lost| reporter.report(lost))
    })?;
    let clock = messaging::clock();
    let status = Arc::new(Health::new(&lifecycle));
    let pool = database.loops().clone();
    let messaging = config.messaging.of_instance(config.http.place(DEFAULT_PORT));
    let runtime = Runtime::new("email", pool.clone(), messaging, clock.clone(), Arc::new(SystemIds), status);
    let sender = Sender { pool, mailer: transport, stationery, clock };
    spawn_loops(&lifecycle, &database, &runtime, sender);
    let app = App::new(&lifecycle, http::routes(database.callers().clone()), http::api()).cors(&config.cors);
    app.serve(&config.http, DEFAULT_PORT).await.context("email cannot start")
}

/// Starts the service and waits for its end.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    start(config, shutdown).await?.join().await;
    Ok(())
}

fn spawn_loops(lifecycle: &Lifecycle, database: &Database, runtime: &Runtime, sender: Sender<Transport>) {
    let (handler, repository, sender) = (Arc::new(Email), Arc::new(Store), Arc::new(sender));
    let shutdown = lifecycle.shutdown();
    let consumer =
        messaging::consumer::run(runtime.clone(), handler.clone(), repository.clone(), shutdown.clone());
    let relay = messaging::relay::run::<events::Event>(runtime.clone(), shutdown.clone());
    let intents = messaging::intents::run(runtime.clone(), handler, repository, sender, shutdown.clone());
    database.spawn(lifecycle, "consumer", consumer);
    database.spawn(lifecycle, "relay", relay);
    database.spawn(lifecycle, "intents", intents);
}

/// What messaging reports, as dependencies in `/readyz`. None of it is needed to answer callers.
struct Health {
    consumer: Reporter,
    relay: Reporter,
    registry: Reporter,
    outside: Reporter,
}

impl Health {
    fn new(lifecycle: &Lifecycle) -> Self {
        let dependency = |name| lifecycle.health().dependency(name, Importance::Degradable);
        let health = Self {
            consumer: dependency(Part::Consumer.name()),
            relay: dependency(Part::Relay.name()),
            registry: dependency(Part::Registry.name()),
            outside: dependency("smtp"),
        };
        // Nobody calls the mail server before there is a mail.
        health.outside.ok();
        health
    }
}

impl messaging::Status for Health {
    fn set(&self, part: Part, trouble: Option<&str>) {
        let reporter = match part {
            Part::Consumer => &self.consumer,
            Part::Relay => &self.relay,
            Part::Registry => &self.registry,
            Part::Outside => &self.outside,
        };
        match trouble {
            None => reporter.ok(),
            Some(trouble) => reporter.degraded(trouble),
        }
    }
}
