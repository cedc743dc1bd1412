//! Puts a listener together.

use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use events::Event;
use kernel::clock::SystemIds;
use messaging::listener::{self, Listening};
use messaging::{Reads, Repository, Runtime};
use service_kit::{Api, App, Database, Lifecycle, Running};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio_util::sync::CancellationToken;

use crate::dependencies::Dependencies;
use crate::{Args, Fold, Folded, Folding};

/// A listener as a store starts it beside itself.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// Its name: consumer group, database, label of metrics.
    pub name: &'static str,
    /// Where it answers unless told otherwise.
    pub port: u16,
    /// How its HTTP API describes itself.
    pub api: fn() -> Api,
    /// What it reads, of one of each event: for the catalogue.
    pub reads: fn(&[Event]) -> Reads,
    /// Starts it. Waits for nothing: database, Kafka and registry come when they come, and `/readyz` says so.
    pub start: fn(Args, CancellationToken) -> Starting,
}

impl Listener {
    /// Of this name, on this port.
    pub const fn new(
        name: &'static str,
        port: u16,
        api: fn() -> Api,
        reads: fn(&[Event]) -> Reads,
        start: fn(Args, CancellationToken) -> Starting,
    ) -> Self {
        Self { name, port, api, reads, start }
    }
}

/// A listener on its way.
pub type Starting = Pin<Box<dyn Future<Output = anyhow::Result<Running>> + Send>>;

/// What is its own of a listener.
pub struct Rooms<L, R> {
    /// How it takes events in.
    pub listen: L,
    /// Its tables.
    pub store: R,
    /// What makes them.
    pub migrator: &'static Migrator,
    /// What it answers.
    pub routes: fn(PgPool) -> Router,
}

/// Starts a listener. In a database that is new it reads every topic from the beginning.
pub async fn start<L: listener::Listener, R: Repository<Listening<L>>>(
    listener: &Listener,
    rooms: Rooms<L, R>,
    args: Args,
    shutdown: CancellationToken,
) -> anyhow::Result<Running> {
    let Listener { name, port, .. } = *listener;
    let lifecycle = Lifecycle::new(name, shutdown);
    let migrators = vec![&messaging::migrations::MIGRATOR, rooms.migrator];
    let database = Database::open(&args.database, &lifecycle, migrators)?;
    let messaging = args.messaging.of_instance(args.http.place(port));
    let status = Arc::new(Dependencies::of(lifecycle.health()));
    let (pool, clock) = (database.loops().clone(), messaging::clock());
    let runtime = Runtime::new(name, pool, messaging, clock, Arc::new(SystemIds), status);
    let token = || lifecycle.shutdown().clone();
    let (handler, store) = (Arc::new(Listening(rooms.listen)), Arc::new(rooms.store));
    database.spawn(
        &lifecycle,
        "consumer",
        messaging::consumer::run(runtime.clone(), handler, store, token()),
    );
    database.spawn(&lifecycle, "watch", messaging::watch(runtime, token()));
    let routes = (rooms.routes)(database.callers().clone());
    let app = App::new(&lifecycle, routes, (listener.api)()).cors(&args.cors);
    app.serve(&args.http, port).await.with_context(|| format!("{name} cannot start"))
}

/// Starts a listener that keeps a state for each key.
pub async fn fold<F: Fold>(
    listener: &Listener,
    migrator: &'static Migrator,
    routes: fn(PgPool) -> Router,
    args: Args,
    shutdown: CancellationToken,
) -> anyhow::Result<Running> {
    let rooms = Rooms { listen: Folding::<F>::default(), store: Folded, migrator, routes };
    start(listener, rooms, args, shutdown).await
}

/// The program of a listener that has no settings but those of all.
pub fn main(listener: &'static Listener) -> ExitCode {
    let run = |args: Args, shutdown| async move {
        (listener.start)(args, shutdown).await?.join().await;
        Ok(())
    };
    service_kit::program::main(listener.name, listener.port, |args: &Args| &args.telemetry, run)
}
