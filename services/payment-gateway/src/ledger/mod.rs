//! The ledger: every answer ever given, on disk before it is given, so that a repeat gets the same one for ever.

mod book;
mod entry;
mod file;
mod writer;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use kernel::{Clock, Ids, OrderId};
use service_kit::Reporter;
use tokio::sync::{mpsc, oneshot};

pub use book::Book;
pub use entry::{Entry, Fingerprint, Request};
pub use file::OpenError;
pub use writer::Writer;

/// Calls that wait for the disk; more wait for a place.
const WAITING_MAX: usize = 1_024;

/// What became of a call.
#[derive(Clone, Debug)]
pub enum Settled {
    /// The answer, now on disk.
    First(Arc<Entry>),
    /// The answer given before.
    Repeat(Arc<Entry>),
    /// The key was used for something else.
    KeyReused,
    /// The gateway fails on purpose (`tok_flaky`); nothing happened.
    Flaky,
}

/// The ledger cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot be written")]
pub struct Unwritable;

/// What handlers hold; clones share it.
#[derive(Clone, Debug)]
pub struct Ledger {
    book: Arc<RwLock<Book>>,
    desk: mpsc::Sender<Call>,
}

/// A call on its way to the writer.
#[derive(Debug)]
struct Call {
    request: Request,
    answer: oneshot::Sender<Result<Settled, Unwritable>>,
}

/// Opens the ledger at `path`, made when missing, for this program alone. The writer must be run for calls to be answered.
pub fn open(
    path: &Path,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    reporter: Reporter,
) -> Result<(Ledger, Writer), OpenError> {
    let (file, book) = file::open(path)?;
    let book = Arc::new(RwLock::new(book));
    let (desk, calls) = mpsc::channel(WAITING_MAX);
    reporter.ok();
    let writer = Writer::new(file, Arc::clone(&book), calls, clock, ids, reporter);
    Ok((Ledger { book, desk }, writer))
}

impl Ledger {
    /// Decides the call and waits until its answer is on disk. Going away while it waits changes nothing.
    pub async fn settle(&self, request: Request) -> Result<Settled, Unwritable> {
        let (answer, settled) = oneshot::channel();
        self.desk.send(Call { request, answer }).await.map_err(|_| Unwritable)?;
        settled.await.unwrap_or(Err(Unwritable))
    }

    /// Effects in the order they happened, after position `after`, at most `limit`, each with its position.
    pub fn effects(
        &self,
        order_id: Option<OrderId>,
        after: Option<u64>,
        limit: usize,
    ) -> Vec<(u64, Arc<Entry>)> {
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        book.effects(order_id, after, limit)
    }
}
