//! Puts the parts together. The only place that knows all of them.

use listener::{Args, Listener, Rooms, reads};
use service_kit::Running;
use tokio_util::sync::CancellationToken;

use crate::consumer::Analytics;
use crate::store::{MIGRATOR, Store};
use crate::{Config, http};

/// The service's name: consumer group, database, label of metrics.
pub const NAME: &str = "analytics";
/// Where it answers unless told otherwise.
pub const PORT: u16 = 8106;

/// As a store starts it beside itself.
pub static LISTENER: Listener = Listener::new(NAME, PORT, http::api, reads::<Analytics>, |args, shutdown| {
    Box::pin(start(args, shutdown))
});

/// Runs the service until `shutdown`.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    start(config.args, shutdown).await?.join().await;
    Ok(())
}

/// Starts the service.
pub async fn start(args: Args, shutdown: CancellationToken) -> anyhow::Result<Running> {
    let rooms = Rooms { listen: Analytics, store: Store, migrator: &MIGRATOR, routes: http::routes };
    listener::start(&LISTENER, rooms, args, shutdown).await
}
