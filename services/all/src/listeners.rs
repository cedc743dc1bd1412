//! Programs that listen beside the store. Nobody needs them and nobody knows them: one that is down is missed by those who ask it,
//! and reads on from where it was.

use std::io::Write as _;

use anyhow::Context as _;
use listener::Args;
pub use listener::Listener;
use service_kit::Running;
use tokio_util::sync::CancellationToken;

use crate::launch::{Store, make_database};

/// Each of them: `make run` starts them, and the catalogue of events asks them what they read.
pub static LISTENERS: &[&Listener] = &[
    // `make new-listener` puts a line here.
    &analytics::LISTENER,
];

/// Starts one of them beside `store`, on `port` (0 for any free one), with a database of its own.
pub async fn start(store: &Store, listener: &Listener, port: u16) -> anyhow::Result<Running> {
    let name = listener.name;
    let database = make_database(store.plan(), name)
        .await
        .with_context(|| format!("cannot make the database of {name}"))?;
    (listener.start)(Args::new(port, database, store.settings()), CancellationToken::new()).await
}

/// Those that run.
#[derive(Debug, Default)]
pub struct Listeners(Vec<Running>);

impl Listeners {
    /// Starts each on its usual port. The store is open without one that cannot start: it is told of, and left out.
    pub async fn start(store: &Store) -> Self {
        let mut running = Vec::new();
        for listener in LISTENERS {
            match start(store, listener, listener.port).await {
                Ok(one) => running.push(one),
                Err(error) => {
                    // Nobody may be there to read it.
                    let _ = writeln!(
                        std::io::stderr(),
                        "counterflow: {} does not listen: {error:#}",
                        listener.name
                    );
                }
            }
        }
        Self(running)
    }

    /// Stops them as Ctrl-C would.
    pub async fn stop(self) {
        for running in self.0 {
            running.stop().await;
        }
    }
}
