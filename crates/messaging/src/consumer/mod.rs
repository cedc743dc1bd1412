//! Reads a service's topics: one task per assigned partition, batches of records, one transaction a batch.

mod attempt;
mod committer;
mod group;
pub(crate) mod lag;
mod membership;
mod partition;
mod redrive;
mod refused;
mod start;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::committer::Ready;
use self::lag::Lags;
use crate::kafka::client;
use crate::postgres::{inbox, replay};
use crate::registry::Registry;
use crate::{Handler, Part, Repository, Runtime, StoreError, metrics};

/// What the parts of a consumer share.
struct Shared<H: Handler, R> {
    runtime: Runtime,
    registry: Registry,
    handler: Arc<H>,
    repository: Arc<R>,
    ready: mpsc::Sender<Ready<H::Event>>,
}

/// Beyond it partitions wait before they hand in what they have.
const READY_SHARES_MAX: usize = 1_000;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
const INBOX_EVERY: Duration = Duration::from_mins(10);

/// Runs until `shutdown`, then finishes the batches under way and leaves the group. Never ends by an error.
pub async fn run<H: Handler, R: Repository<H>>(
    runtime: Runtime,
    handler: Arc<H>,
    repository: Arc<R>,
    shutdown: CancellationToken,
) {
    let registry = match Registry::new(&runtime.settings.registry_url) {
        Ok(registry) => registry,
        Err(error) => return tracing::error!(%error, "cannot make an HTTP client for the registry"),
    };
    metrics::register_consumer(runtime.service, handler.topics());
    let (sender, ready) = mpsc::channel(READY_SHARES_MAX);
    let shared = Arc::new(Shared { runtime, registry, handler, repository, ready: sender });
    let read = async {
        tokio::select! {
            () = read(&shared, &shutdown) => {}
            () = committer::run(&shared, ready) => {}
        }
    };
    let beside =
        async { tokio::join!(declare(&shared), maintain_inbox(&shared.runtime), redrive::run(&shared)) };
    tokio::join!(read, shutdown.run_until_cancelled(beside));
}

async fn read<H: Handler, R: Repository<H>>(shared: &Arc<Shared<H, R>>, shutdown: &CancellationToken) {
    let runtime = &shared.runtime;
    while !shutdown.is_cancelled() {
        let (rebalances, told) = mpsc::unbounded_channel(); // bounded by the group: one entry a rebalance
        let (closing, lags) = (Arc::new(AtomicBool::new(false)), Arc::<Lags>::default());
        let topics: Vec<String> =
            shared.handler.topics().iter().map(|topic| runtime.settings.topic(topic)).collect();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let made = client::consumer(runtime, rebalances, closing.clone(), lags.clone());
        let subscribed = made.and_then(|consumer| consumer.subscribe(&names).map(|()| consumer));
        match subscribed {
            Ok(consumer) => {
                let consumer = Arc::new(consumer);
                let closing = Closing(closing);
                let group = group::Group::new(shared.clone(), consumer.clone(), told, lags);
                let replacing = shutdown.run_until_cancelled(membership::replace_the_dead(runtime));
                tokio::join!(group.run(shutdown), replacing);
                drop(closing);
                close(runtime, consumer).await;
            }
            Err(error) => {
                runtime.report(Part::Consumer, client::CLIENT, Some(&error.to_string()));
                tracing::error!(service = runtime.service, %error, "cannot make a consumer");
                shutdown.run_until_cancelled(tokio::time::sleep(Duration::from_secs(5))).await;
            }
        }
    }
}

/// From its drop on nobody answers revocations but the client itself: also when this loop is dropped where it stands,
/// because a client waits for that answer before it closes.
struct Closing(Arc<AtomicBool>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Leaves the group. On its own thread and with a limit: closing can hang when the broker is away.
async fn close(runtime: &Runtime, consumer: Arc<rdkafka::consumer::StreamConsumer<client::Listener>>) {
    let closed = tokio::task::spawn_blocking(move || drop(consumer));
    if tokio::time::timeout(CLOSE_TIMEOUT, closed).await.is_err() {
        tracing::warn!(service = runtime.service, "left the consumer group without saying so");
    }
}

/// Says in the database whether what it hears may be replayed: for `storectl replay`, which does so while nobody reads.
async fn declare<H: Handler, R>(shared: &Shared<H, R>) {
    let (runtime, handler) = (&shared.runtime, &shared.handler);
    let mut failures = 0;
    loop {
        let declared = async {
            let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
            let (topics, now) = (handler.topics(), runtime.clock.now());
            replay::declare(&mut connection, runtime.service, topics, handler.replayable(), now).await
        };
        match StoreError::in_time("declare a listener in time", declared).await {
            Ok(()) => return,
            Err(error) => {
                failures += 1;
                tracing::debug!(service = runtime.service, error = %crate::core::chain(&error), "not declared yet");
                tokio::time::sleep(runtime.settings.backoff().after(failures, 1.0)).await;
            }
        }
    }
}

async fn maintain_inbox(runtime: &Runtime) {
    loop {
        let maintained = async {
            let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
            inbox::maintain(&mut connection, runtime.clock.now(), runtime.settings.inbox_days).await
        };
        let wait = match StoreError::in_time("maintain the inbox in time", maintained).await {
            Ok(()) => INBOX_EVERY,
            Err(error) => {
                tracing::debug!(service = runtime.service, error = %crate::core::chain(&error), "inbox not maintained yet");
                Duration::from_secs(1)
            }
        };
        tokio::time::sleep(wait).await;
    }
}
