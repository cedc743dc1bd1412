//! Spans that wait to be sent, encoded, in batches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::Notify;

use super::wire;
use crate::config::TracesArgs;

/// The attribute by which a span says whose it is, where several services share a process. Taken off on the way out.
const SERVICE: &str = "service.name";

/// Bounded: what does not fit is lost, and counted.
#[derive(Debug)]
pub(super) struct Queue {
    process: &'static str,
    spans_max: usize,
    batch_max: usize,
    waiting: Mutex<Waiting>,
    /// Told of every full batch.
    pub(super) full: Notify,
}

/// What is in the queue.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) batches: Vec<Batch>,
    spans: usize,
    /// Spans that did not fit since the queue was emptied.
    pub(super) lost: usize,
}

/// Spans of one service.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) service: String,
    pub(super) encoded: Vec<u8>,
    spans: usize,
}

impl Queue {
    /// Spans that do not say whose they are are of `process`.
    pub(super) fn of(process: &'static str, args: &TracesArgs) -> Self {
        let (spans_max, batch_max) = (args.bsp_max_queue_size, args.bsp_max_export_batch_size);
        Self { process, spans_max, batch_max, waiting: Mutex::default(), full: Notify::new() }
    }

    /// Empties the queue.
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting())
    }

    /// Puts back what was taken, if it still fits.
    pub(super) fn put_back(&self, batch: Batch) {
        let mut waiting = self.waiting();
        if waiting.spans + batch.spans > self.spans_max {
            waiting.lost += batch.spans;
        } else {
            waiting.spans += batch.spans;
            waiting.batches.insert(0, batch);
        }
    }

    fn push(&self, service: &str, span: &SpanData) {
        let mut waiting = self.waiting();
        if waiting.spans >= self.spans_max {
            waiting.lost += 1;
            return;
        }
        waiting.spans += 1;
        let batch = waiting.open(service, self.batch_max);
        wire::append(span, SERVICE, &mut batch.encoded);
        batch.spans += 1;
        if batch.spans == self.batch_max {
            self.full.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// The batch of `service` that has room.
    fn open(&mut self, service: &str, batch_max: usize) -> &mut Batch {
        let open = self.batches.iter().rposition(|of| of.service == service && of.spans < batch_max);
        let index = open.unwrap_or_else(|| {
            self.batches.push(Batch { service: service.to_owned(), encoded: Vec::new(), spans: 0 });
            self.batches.len() - 1
        });
        &mut self.batches[index]
    }
}

/// Puts each span into the queue when it ends.
#[derive(Debug)]
pub(super) struct Intake(pub(super) Arc<Queue>);

impl SpanProcessor for Intake {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    /// Encodes at once. A span in pieces would be freed by another thread, long after, piece by piece: that costs more than
    /// making it.
    fn on_end(&self, span: SpanData) {
        let own = span.attributes.iter().find(|attribute| attribute.key.as_str() == SERVICE);
        let service = own.map_or(self.0.process.into(), |attribute| attribute.value.as_str());
        self.0.push(&service, &span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(()) // `traces::flush` does, which can wait without a thread
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
