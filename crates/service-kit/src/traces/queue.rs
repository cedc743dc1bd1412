//! Spans that wait to be sent, encoded, by service.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::{Context, Value};
use opentelemetry_proto::tonic::trace::v1;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use prost::Message as _;
use tokio::sync::Notify;
use tonic::codegen::Bytes;

use crate::config::TracesArgs;

/// The attribute by which a span says whose it is, where several services share a process. Taken off on the way out.
const SERVICE: &str = "service.name";

/// Bounded: what does not fit is lost, and counted.
#[derive(Debug)]
pub(super) struct Queue {
    process: &'static str,
    limit: usize,
    batch: usize,
    waiting: Mutex<Waiting>,
    /// A batch is full.
    pub(super) full: Notify,
}

/// What was in the queue.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) spans: Vec<OfService>,
    count: usize,
    /// Spans that did not fit since the queue was emptied.
    pub(super) lost: usize,
}

/// Spans of one service, each a `Span` of OTLP.
#[derive(Debug)]
pub(super) struct OfService {
    pub(super) service: String,
    pub(super) encoded: Vec<Bytes>,
}

impl Queue {
    /// Spans that do not say whose they are are of `process`.
    pub(super) fn of(process: &'static str, args: &TracesArgs) -> Self {
        let (limit, batch) = (args.bsp_max_queue_size, args.bsp_max_export_batch_size);
        Self { process, limit, batch, waiting: Mutex::default(), full: Notify::new() }
    }

    fn push(&self, service: &str, span: Bytes) {
        let count = {
            let mut waiting = self.waiting();
            waiting.push(service, span, self.limit);
            waiting.count
        };
        if count == self.batch {
            self.full.notify_one();
        }
    }

    /// Empties the queue.
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting())
    }

    /// Puts back what was taken, as far as it fits.
    pub(super) fn put_back(&self, service: &str, encoded: &[Bytes]) {
        let mut waiting = self.waiting();
        for span in encoded {
            waiting.push(service, span.clone(), self.limit);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, service: &str, span: Bytes, limit: usize) {
        if self.count >= limit {
            self.lost += 1;
            return;
        }
        self.count += 1;
        match self.spans.iter_mut().find(|of| of.service == service) {
            Some(of) => of.encoded.push(span),
            None => self.spans.push(OfService { service: service.to_owned(), encoded: vec![span] }),
        }
    }
}

/// Puts each span into the queue when it ends.
#[derive(Debug)]
pub(super) struct Intake(pub(super) Arc<Queue>);

impl SpanProcessor for Intake {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    /// Encodes at once: a span in pieces would be freed by another thread than the one that made it, piece by piece.
    fn on_end(&self, mut span: SpanData) {
        let own = span.attributes.iter().position(|attribute| attribute.key.as_str() == SERVICE);
        let own = own.map(|index| span.attributes.swap_remove(index).value);
        let service = own.as_ref().map_or(self.0.process.into(), Value::as_str);
        self.0.push(&service, v1::Span::from(span).encode_to_vec().into());
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(()) // `traces::flush` does, which can wait without a thread
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
