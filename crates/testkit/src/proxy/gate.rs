//! What every piece goes through on its way.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// What becomes of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It is passed on.
    Open,
    /// Later.
    Slow(Duration),
    /// At so many bytes a second.
    Narrow(u32),
    /// When the way is open again.
    Held,
    /// Never, and its connection is dead from then on without knowing.
    Swallowed,
    /// Never, and its connection ends.
    Cut,
}

/// The gate of one connection.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) way: watch::Receiver<Way>,
    pub(super) held: Arc<AtomicUsize>,
    pub(super) swallowed: Arc<AtomicUsize>,
    /// Something of this connection was swallowed: all else is, in both directions.
    dead: Arc<AtomicBool>,
}

impl Gate {
    pub(super) fn new(
        way: watch::Receiver<Way>,
        held: Arc<AtomicUsize>,
        swallowed: Arc<AtomicUsize>,
    ) -> Self {
        Self { way, held, swallowed, dead: Arc::default() }
    }

    /// For another connection.
    pub(super) fn another(&self) -> Self {
        Self::new(self.way.clone(), self.held.clone(), self.swallowed.clone())
    }

    /// Resolves when a piece of `bytes` may be passed on; never when it is swallowed; fails when the way is cut.
    pub(super) async fn pass(&mut self, bytes: usize) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
        let waits = *self.way.borrow() == Way::Held;
        let _counted = waits.then(|| Held::count(&self.held));
        let now = *self.way.wait_for(|way| *way != Way::Held).await.map_err(|_| gone())?;
        if now == Way::Swallowed {
            self.dead.store(true, Ordering::SeqCst);
            self.swallowed.fetch_add(1, Ordering::SeqCst);
        }
        if self.dead.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        match now {
            Way::Cut => return Err(gone()),
            Way::Slow(by) => tokio::time::sleep(by).await,
            Way::Narrow(bytes_a_second) => {
                let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
                let long = Duration::from_secs_f64(f64::from(bytes) / f64::from(bytes_a_second.max(1)));
                // Not one moment longer than it is narrow.
                let wider = self.way.wait_for(|way| *way != now);
                let _wide = tokio::time::timeout(long, wider).await;
            }
            Way::Open | Way::Held | Way::Swallowed => {}
        }
        Ok(())
    }
}

/// One piece that waits.
struct Held<'a>(&'a AtomicUsize);

impl<'a> Held<'a> {
    fn count(held: &'a AtomicUsize) -> Self {
        held.fetch_add(1, Ordering::SeqCst);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
