//! The one who writes: takes the calls that wait, decides them, and answers them all after one sync.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use kernel::{Clock, Ids};
use metrics::{Counter, Histogram};
use service_kit::Reporter;
use tokio::sync::mpsc;

use super::file::{AppendError, LedgerFile};
use super::{Book, Call, Entry, Request, Settled, Unwritable};
use crate::domain::Kind;

/// Most calls that share a sync.
const BATCH_MAX: usize = 256;
/// How often each operation of a flaky order fails.
const FLAKY_FAILURES: u8 = 2;

/// Writes the ledger; blocks its thread.
pub struct Writer {
    file: LedgerFile,
    book: Arc<RwLock<Book>>,
    calls: mpsc::Receiver<Call>,
    /// Calls that another one of the last batch had to go before.
    held: VecDeque<Call>,
    /// Failures on purpose so far, by idempotency key; forgotten once answered.
    flaky: HashMap<String, u8>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    reporter: Reporter,
    broken: bool,
}

/// What is decided and not yet on disk.
#[derive(Default)]
struct Batch {
    lines: Vec<u8>,
    entries: Vec<(Entry, Call)>,
    touched: HashSet<String>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("file", &self.file)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(
        file: LedgerFile,
        book: Arc<RwLock<Book>>,
        calls: mpsc::Receiver<Call>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        reporter: Reporter,
    ) -> Self {
        let (held, flaky) = (VecDeque::new(), HashMap::new());
        register();
        Self { file, book, calls, held, flaky, clock, ids, reporter, broken: false }
    }

    /// Answers calls until nobody can call any more.
    pub fn run(mut self) {
        while let Some(calls) = self.next_calls() {
            self.settle(calls);
        }
    }

    /// Waits for a call, then takes all that came meanwhile.
    fn next_calls(&mut self) -> Option<Vec<Call>> {
        let mut calls: Vec<Call> = self.held.drain(..).collect();
        if calls.is_empty() {
            calls.push(self.calls.blocking_recv()?);
        }
        while calls.len() < BATCH_MAX {
            let Ok(call) = self.calls.try_recv() else { break };
            calls.push(call);
        }
        Some(calls)
    }

    fn settle(&mut self, calls: Vec<Call>) {
        let mut batch = Batch::default();
        for call in calls {
            if self.broken {
                answer(call, Err(Unwritable));
            } else if batch.touches(&call.request) {
                self.held.push_back(call);
            } else if let Some(settled) = self.settled_without_writing(&call.request) {
                answer(call, Ok(settled));
            } else {
                self.decide(call, &mut batch);
            }
        }
        if !batch.entries.is_empty() {
            self.commit(batch);
        }
    }

    /// Repeats, keys used twice and failures on purpose change nothing.
    fn settled_without_writing(&mut self, request: &Request) -> Option<Settled> {
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = book.answered(&request.idempotency_key) {
            let same = entry.fingerprint == request.fingerprint;
            return Some(if same { Settled::Repeat(Arc::clone(entry)) } else { Settled::KeyReused });
        }
        if !book.is_flaky(request) {
            return None;
        }
        let failures = self.flaky.entry(request.idempotency_key.clone()).or_default();
        if *failures < FLAKY_FAILURES {
            *failures += 1;
            return Some(Settled::Flaky);
        }
        self.flaky.remove(&request.idempotency_key);
        None
    }

    fn decide(&self, call: Call, batch: &mut Batch) {
        let outcome = self.book.read().unwrap_or_else(PoisonError::into_inner).decide(&call.request);
        let entry = Entry::new(&call.request, outcome, self.ids.next(), self.clock.now());
        match serde_json::to_vec(&entry) {
            Ok(line) => {
                batch.lines.extend_from_slice(&line);
                batch.lines.push(b'\n');
                batch.touch(&call.request);
                batch.entries.push((entry, call));
            }
            Err(error) => {
                tracing::error!(%error, "an entry has no JSON");
                answer(call, Err(Unwritable));
            }
        }
    }

    fn commit(&mut self, batch: Batch) {
        let size = u32::try_from(batch.entries.len()).unwrap_or(u32::MAX);
        sizes().record(size);
        match self.file.append(&batch.lines) {
            Ok(()) => {
                self.reporter.ok();
                let book = Arc::clone(&self.book);
                let mut book = book.write().unwrap_or_else(PoisonError::into_inner);
                for (entry, call) in batch.entries {
                    self.publish(&mut book, entry, call);
                }
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "calls are refused");
                self.reporter.down(format!("{error}: {}", cause.unwrap_or_default()));
                self.broken = matches!(error, AppendError::Unknown(_));
                batch.entries.into_iter().for_each(|(_, call)| answer(call, Err(Unwritable)));
            }
        }
    }

    fn publish(&mut self, book: &mut Book, entry: Entry, call: Call) {
        let outcome = if entry.is_effect() { "approved" } else { "declined" };
        let kind = entry.kind.to_string();
        operations(kind, outcome).increment(1);
        match book.add(entry) {
            Ok(()) => {
                let entry = book.answered(&call.request.idempotency_key).map(Arc::clone);
                answer(call, entry.map(Settled::First).ok_or(Unwritable));
            }
            Err(error) => {
                // Decided on this very book, so only a mistake of ours leads here: write no more on top of it.
                tracing::error!(%error, "the ledger contradicts itself");
                self.reporter.down(format!("the ledger contradicts itself: {error}"));
                self.broken = true;
                answer(call, Err(Unwritable));
            }
        }
    }
}

impl Batch {
    /// Decisions are taken on what is on disk, so of one order or key only one call goes in a batch.
    fn touches(&self, request: &Request) -> bool {
        self.touched.contains(&request.idempotency_key)
            || self.touched.contains(&request.order_id.to_string())
    }

    fn touch(&mut self, request: &Request) {
        self.touched.insert(request.idempotency_key.clone());
        self.touched.insert(request.order_id.to_string());
    }
}

/// Shows at zero what may come to be counted: a rate begins with the first, not with the second.
fn register() {
    metrics::describe_counter!("gateway_operations_total", "Operations decided and in the ledger.");
    metrics::describe_histogram!("gateway_ledger_batch_records", "Entries that share a sync of the ledger.");
    for kind in [Kind::Authorize, Kind::Capture, Kind::Void, Kind::Refund] {
        for outcome in ["approved", "declined"] {
            operations(kind.to_string(), outcome).increment(0);
        }
    }
    let _shown = sizes();
}

fn operations(kind: String, outcome: &'static str) -> Counter {
    metrics::counter!("gateway_operations_total", "service" => "payment-gateway", "kind" => kind, "outcome" => outcome)
}

fn sizes() -> Histogram {
    metrics::histogram!("gateway_ledger_batch_records", "service" => "payment-gateway")
}

/// Whoever asked may have gone; the answer is kept for the repeat.
fn answer(call: Call, settled: Result<Settled, Unwritable>) {
    let _gone = call.answer.send(settled);
}
