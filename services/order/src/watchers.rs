//! Callers that wait for a change of an order: woken by this instance's commits, and by a look at the table twice a second
//! for what other instances commit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::OrderId;
use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::store::orders;

/// Orders looked up in one statement at most.
const LOOK_ORDERS_MAX: usize = 1_000;
/// A database that neither answers nor hangs up.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Who waits for what; clones share it.
#[derive(Clone, Debug)]
pub struct Watchers {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// An entry lives as long as somebody waits for its order. Never held across an await.
    orders: Mutex<HashMap<OrderId, watch::Sender<u64>>>,
    places: Arc<Semaphore>,
}

/// One caller that waits; its place is free again when it is dropped.
#[derive(Debug)]
pub struct Waiter {
    order_id: OrderId,
    changed: watch::Receiver<u64>,
    watchers: Watchers,
    _place: OwnedSemaphorePermit,
}

/// As many callers wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many callers wait for changes of orders")]
pub struct Full;

impl Watchers {
    /// At most `waiters_max` callers wait at a time.
    pub fn new(waiters_max: u32) -> Self {
        let places = Arc::new(Semaphore::new(waiters_max as usize));
        Self { shared: Arc::new(Shared { orders: Mutex::default(), places }) }
    }

    /// Waits from now on. Subscribe first and look at the order then: so no change falls in between.
    pub fn subscribe(&self, order_id: OrderId) -> Result<Waiter, Full> {
        let place = Arc::clone(&self.shared.places).try_acquire_owned().map_err(|_| Full)?;
        let changed = self.orders().entry(order_id).or_default().subscribe();
        metrics::waiting(1.0);
        Ok(Waiter { order_id, changed, watchers: self.clone(), _place: place })
    }

    /// The order has changed.
    pub fn wake(&self, order_id: OrderId) {
        if let Some(sender) = self.orders().get(&order_id) {
            sender.send_modify(|version| *version = version.wrapping_add(1));
        }
    }

    /// Looks for changes made by other instances, until shutdown.
    pub async fn run(self, pool: PgPool, every: Duration, shutdown: CancellationToken) {
        let mut known = HashMap::new();
        while shutdown.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            let looked = tokio::time::timeout(ANSWER_WITHIN, self.look(&pool, &mut known));
            let looked = shutdown.run_until_cancelled(looked).await;
            if let Some(Err(error)) = looked.map(|looked| looked.unwrap_or(Err(sqlx::Error::PoolTimedOut))) {
                tracing::debug!(%error, "cannot look for changes of orders, trying again");
            }
        }
    }

    /// Wakes those whose order is at another change than the last time.
    async fn look(&self, pool: &PgPool, known: &mut HashMap<OrderId, i64>) -> Result<(), sqlx::Error> {
        let watched: Vec<OrderId> = self.orders().keys().copied().collect();
        if watched.is_empty() {
            known.clear();
            return Ok(());
        }
        let mut connection = pool.acquire().await?;
        let mut seen = HashMap::with_capacity(watched.len());
        for ids in watched.chunks(LOOK_ORDERS_MAX) {
            let numbers = orders::change_numbers(&mut connection, ids).await;
            seen.extend(numbers.map_err(|error| sqlx::Error::Protocol(error.to_string()))?);
        }
        for (id, number) in &seen {
            if known.get(id) != Some(number) {
                self.wake(*id);
            }
        }
        *known = seen;
        Ok(())
    }

    fn orders(&self) -> MutexGuard<'_, HashMap<OrderId, watch::Sender<u64>>> {
        self.shared.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Returns when the order may have changed since the last call, or since [`Watchers::subscribe`].
    pub async fn changed(&mut self) {
        // The sender lives in the map as long as this waiter does.
        if self.changed.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        metrics::waiting(-1.0);
        let mut orders = self.watchers.orders();
        // This one still counts among the receivers.
        if orders.get(&self.order_id).is_some_and(|sender| sender.receiver_count() <= 1) {
            orders.remove(&self.order_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(5);

    fn order(number: u128) -> OrderId {
        OrderId(Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn a_change_wakes_everyone_who_waits_for_that_order_also_when_it_came_first() {
        let watchers = Watchers::new(3);
        let mut waiters = [watchers.subscribe(order(1)).unwrap(), watchers.subscribe(order(1)).unwrap()];
        let other = watchers.subscribe(order(2)).unwrap();
        watchers.wake(order(1));
        for waiter in &mut waiters {
            tokio::time::timeout(WITHIN, waiter.changed()).await.unwrap();
        }
        assert!(!other.changed.has_changed().unwrap());
    }

    #[tokio::test]
    async fn places_are_bounded_and_free_again_when_a_caller_leaves() {
        let watchers = Watchers::new(1);
        let first = watchers.subscribe(order(1)).unwrap();
        assert_eq!(watchers.subscribe(order(2)).err(), Some(Full));
        drop(first);
        assert!(watchers.subscribe(order(2)).is_ok());
        assert!(watchers.orders().is_empty(), "nobody waits, so nothing is kept");
    }
}
