//! From start to stop: one token that ends everything, loops that are missed when they end, and a bounded farewell.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Health;

/// How long loops may take to stop before they are dropped where they stand.
pub const STOP_WITHIN: Duration = Duration::from_millis(4_500);

/// The life of one service; clones share it.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    service: &'static str,
    shutdown: CancellationToken,
    health: Health,
    tracker: TaskTracker,
    spawned: Arc<Mutex<Vec<(&'static str, AbortHandle)>>>,
}

impl Lifecycle {
    /// The life of `service`, to end when `shutdown` is cancelled.
    pub fn new(service: &'static str, shutdown: CancellationToken) -> Self {
        crate::metrics::handle(); // what is counted before there is a recorder is lost
        let health = Health::new(service, shutdown.clone());
        Self { service, shutdown, health, tracker: TaskTracker::new(), spawned: Arc::default() }
    }

    /// The service's name.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Cancelled when the service must stop.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// The service's dependencies.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Runs a loop until shutdown. One that ends or panics before makes the service unavailable, and is logged.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let (health, shutdown, service) = (self.health.clone(), self.shutdown.clone(), self.service);
        let handle = self.tracker.spawn(async move {
            let how = match AssertUnwindSafe(work).catch_unwind().await {
                Ok(()) if shutdown.is_cancelled() => return,
                Ok(()) => "ended",
                Err(_) => "panicked",
            };
            tracing::error!(service, task = name, "a loop {how} before shutdown");
            health.ended(name, format!("the loop {how}"));
        });
        let mut spawned = self.spawned.lock().unwrap_or_else(PoisonError::into_inner);
        spawned.retain(|(_, task)| !task.is_finished());
        spawned.push((name, handle.abort_handle()));
    }

    /// Waits until every loop has stopped, at most [`STOP_WITHIN`]; drops and names those that have not.
    pub async fn stopped(&self) {
        self.shutdown.cancelled().await;
        self.tracker.close();
        if tokio::time::timeout(STOP_WITHIN, self.tracker.wait()).await.is_ok() {
            return;
        }
        for (name, task) in self.spawned.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if !task.is_finished() {
                tracing::warn!(
                    service = self.service,
                    task = name,
                    "a loop did not stop in time and was dropped"
                );
                task.abort();
            }
        }
    }
}
