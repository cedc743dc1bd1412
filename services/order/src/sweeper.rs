//! Cancels orders that stayed pending beyond their deadline. Nothing else times an order out.

use std::collections::BTreeSet;

use events::Event;
use messaging::{Cause, Decided, FailPoint, Runtime, StoreError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::OrderArgs;
use crate::consumer::REPLIES;
use crate::domain::Trigger;
use crate::signals::Outage;
use crate::store::{Key, Store, idempotency, orders};
use crate::watchers::Watchers;
use crate::{effects, metrics};

/// Idempotency keys forgotten in one statement at most.
const PURGE_KEYS_MAX: i64 = 1_000;

/// What one sweep came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was overdue.
    Idle,
    /// As many orders were overdue; there may be more.
    Swept(usize),
}

/// The sweeper's parts.
#[derive(Clone)]
pub struct Sweeper {
    /// Of the service.
    pub runtime: Runtime,
    /// Deadlines and limits.
    pub settings: OrderArgs,
    /// Hears of outages.
    pub outage: Outage,
    /// Wakes those who wait for a swept order.
    pub watchers: Watchers,
}

impl Sweeper {
    /// Sweeps until shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let work = async {
            loop {
                self.catch_up(&shutdown).await;
                match StoreError::in_time("sweep in time", self.sweep()).await {
                    Ok(Outcome::Swept(_)) => continue,
                    Ok(Outcome::Idle) => {}
                    Err(error) => {
                        tracing::debug!(
                            error = &error as &dyn std::error::Error,
                            "cannot sweep, trying again"
                        );
                        self.outage.note();
                    }
                }
                tokio::time::sleep(self.settings.sweep_every).await;
            }
        };
        shutdown.run_until_cancelled(Box::pin(work)).await;
    }

    /// After a start or an outage: a reply that is in the log already counts, so read first, at most one deadline longer.
    async fn catch_up(&self, shutdown: &CancellationToken) {
        let until = Instant::now() + self.settings.order_deadline;
        while self.outage.take() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Whatever is still wrong counts against the orders that fall due after these.
                self.outage.note();
                return;
            }
            messaging::progress::wait_until_read(&self.runtime, REPLIES, left, shutdown).await;
        }
    }

    /// Cancels the orders that are overdue now, as many as one transaction takes.
    pub async fn sweep(&self) -> Result<Outcome, StoreError> {
        let now = self.runtime.clock.now();
        let database = StoreError::doing;
        let mut transaction = self.runtime.pool.begin().await.map_err(database("begin to sweep"))?;
        let (pending, overdue) = orders::count_pending(&mut transaction, now).await?;
        metrics::pending(pending, overdue);
        let due = if overdue == 0 {
            Vec::new()
        } else {
            orders::due(&mut transaction, now, self.settings.sweep_orders_max).await?
        };
        if due.is_empty() {
            let forgotten = idempotency::forgotten(now, self.settings.idempotency_kept);
            idempotency::purge(&mut transaction, forgotten, PURGE_KEYS_MAX).await?;
            transaction.commit().await.map_err(database("end a sweep"))?;
            return Ok(Outcome::Idle);
        }
        let keys: BTreeSet<Key> = due.iter().copied().map(Key::Order).collect();
        let mut loaded = Store.load(&mut transaction, &keys).await?;
        let mut decided: Vec<Decided<Event>> = Vec::new();
        for tracked in loaded.orders.values_mut() {
            // Decided under the lock: a reply may have come between the look and the lock.
            let deciding = self.runtime.deciding("decide deadline", &Cause::default(), tracked.order.id);
            if let Ok(decision) = tracked.order.decide(Trigger::Deadline, now) {
                let effects = effects::carry_out(tracked, decision, self.runtime.ids.as_ref());
                decided.push(Decided { effects, at: now, cause: Cause::default().within(&deciding) });
            }
        }
        Store.save(&mut transaction, loaded).await?;
        let unsent = self.runtime.outbox.write_all(&mut transaction, decided).await?;
        FailPoint::SweepCommitting.reach();
        transaction.commit().await.map_err(database("end a sweep"))?;
        FailPoint::SweepCommitted.reach();
        self.runtime.outbox.wake(unsent);
        for id in &due {
            self.watchers.wake(*id);
        }
        Ok(Outcome::Swept(due.len()))
    }
}
