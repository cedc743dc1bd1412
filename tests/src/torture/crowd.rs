//! Customers who order at a steady rate, and ask again with the same key until they are told that their order is accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use kernel::Ids as _;
use kernel::clock::SystemIds;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::load::{PLENTY, SCARCE};
use crate::{Then, Visit, wish};

/// Who was not answered waits this long before asking again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Customers that wait for an answer at most; beyond it nobody new comes.
const WAITING_MAX: usize = 3_000;
/// How often somebody registers, and goods arrive: what is not about orders goes on as well.
const BESIDE_EVERY: Duration = Duration::from_millis(500);
/// How long after the end of the faults the last may wait for an answer.
const ANSWERED_WITHIN: Duration = Duration::from_mins(1);

/// Orders that go on being placed until [`Crowd::leave`].
pub struct Crowd {
    accepted: Arc<AtomicUsize>,
    end: watch::Sender<bool>,
    ordering: JoinHandle<usize>,
    beside: JoinHandle<()>,
}

impl Crowd {
    /// Fills the shelves, so that they are never empty but one.
    pub async fn prepare(visit: &Visit) {
        for sku in PLENTY {
            visit.shelf(sku, 4_900, 100_000_000).await;
        }
        visit.shelf(SCARCE, 8_000, 50).await;
    }

    /// Begins, with so many orders a second.
    pub fn come(visit: &Arc<Visit>, rate: u32) -> Self {
        let (end, ended) = watch::channel(false);
        let accepted = Arc::<AtomicUsize>::default();
        let ordering = tokio::spawn(order(visit.clone(), rate, accepted.clone(), ended.clone()));
        let beside = tokio::spawn(beside(visit.clone(), ended));
        Self { accepted, end, ordering, beside }
    }

    /// Orders accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Nobody new comes; returns when everybody was told that their order is accepted, how many came.
    pub async fn leave(self) -> anyhow::Result<usize> {
        self.end.send_replace(true);
        let (accepted, ordering, beside) = (self.accepted, self.ordering, self.beside);
        let (stop, stop_beside) = (ordering.abort_handle(), beside.abort_handle());
        let Ok(came) = timeout(ANSWERED_WITHIN, async { (ordering.await, beside.await) }).await else {
            stop.abort();
            stop_beside.abort();
            anyhow::bail!("somebody is not told within {ANSWERED_WITHIN:?} that their order is accepted");
        };
        let came = came.0?;
        ensure!(came == accepted.load(Ordering::Relaxed), "{came} came, and others were accepted");
        Ok(came)
    }
}

async fn order(
    visit: Arc<Visit>,
    rate: u32,
    accepted: Arc<AtomicUsize>,
    ended: watch::Receiver<bool>,
) -> usize {
    let mut pace = interval(Duration::from_secs(1) / rate.max(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut waiting, mut came) = (JoinSet::new(), 0);
    while !*ended.borrow() {
        pace.tick().await;
        while waiting.try_join_next().is_some() {}
        if waiting.len() < WAITING_MAX {
            waiting.spawn(one(visit.clone(), came, accepted.clone(), ended.clone()));
            came += 1;
        }
    }
    waiting.join_all().await;
    came
}

async fn one(visit: Arc<Visit>, number: usize, accepted: Arc<AtomicUsize>, ended: watch::Receiver<bool>) {
    let (lines, token, then) = wish(number);
    let key = SystemIds.next();
    let order = loop {
        match visit.ask_once(visit.customer, lines, token, key).await {
            Ok(order) => break order,
            Err(_) => sleep(AGAIN_AFTER).await,
        }
    };
    accepted.fetch_add(1, Ordering::Relaxed);
    // A cancellation may meet the fault and fail: the order is an ordinary one then.
    let cancels = match then {
        Then::Nothing => false,
        Then::CancelAtOnce => true,
        Then::CancelWhenDecided => {
            let mut ended = ended;
            tokio::select! {
                decided = visit.client.wait(&order, "decided", Duration::from_secs(30)) => decided.is_ok(),
                _ = ended.wait_for(|ended| *ended) => true,
            }
        }
    };
    if cancels {
        drop(visit.client.cancel(&order).await);
    }
}

/// Customers register and goods arrive: whoever is not answered asks again.
async fn beside(visit: Arc<Visit>, ended: watch::Receiver<bool>) {
    while !*ended.borrow() {
        visit.register(SystemIds.next(), "Grace Hopper").await;
        visit.restock(PLENTY[0], 1).await;
        sleep(BESIDE_EVERY).await;
    }
}
