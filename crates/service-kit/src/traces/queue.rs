//! Spans that wait to be sent, encoded, in batches.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::config::TracesArgs;

/// As many batches may be filled while others are sent.
const SPARE_MAX: usize = 4;

/// Bounded: what does not fit is lost, and counted.
#[derive(Debug)]
pub(super) struct Queue {
    spans_max: usize,
    batch_max: usize,
    waiting: Mutex<Waiting>,
    /// Memory of what was sent, for what comes: new memory would have to be grown, and given by the system page by page.
    spare: Mutex<Vec<Vec<u8>>>,
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
    /// An empty one.
    pub(super) fn new(args: &TracesArgs) -> Self {
        let (spans_max, batch_max) = (args.bsp_max_queue_size, args.bsp_max_export_batch_size);
        Self { spans_max, batch_max, waiting: Mutex::default(), spare: Mutex::default(), full: Notify::new() }
    }

    /// Empties the queue.
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting())
    }

    /// Takes the batches that are full: to send the others too would double the requests.
    pub(super) fn take_full(&self) -> Waiting {
        let mut waiting = self.waiting();
        let full = |batch: &mut Batch| batch.spans >= self.batch_max;
        let batches: Vec<Batch> = waiting.batches.extract_if(.., full).collect();
        let spans = batches.iter().map(|batch| batch.spans).sum();
        waiting.spans -= spans;
        Waiting { batches, spans, lost: std::mem::take(&mut waiting.lost) }
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

    /// Puts a span of `service` in, if it fits; `write` appends it to those of a `ScopeSpans`.
    pub(super) fn push(&self, service: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let mut waiting = self.waiting();
        if waiting.spans >= self.spans_max {
            waiting.lost += 1;
            return;
        }
        waiting.spans += 1;
        let batch = waiting.open(service, self.batch_max, || self.spare().pop().unwrap_or_default());
        write(&mut batch.encoded);
        batch.spans += 1;
        if batch.spans == self.batch_max {
            self.full.notify_one();
        }
    }

    /// Keeps the memory of what was sent.
    pub(super) fn reuse(&self, batch: Batch) {
        let (mut spare, mut encoded) = (self.spare(), batch.encoded);
        if spare.len() < SPARE_MAX {
            encoded.clear();
            spare.push(encoded);
        }
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// There is nothing to send, and nothing to tell.
    pub(super) fn is_nothing(&self) -> bool {
        self.batches.is_empty() && self.lost == 0
    }

    /// The batch of `service` that has room.
    fn open(&mut self, service: &str, batch_max: usize, memory: impl FnOnce() -> Vec<u8>) -> &mut Batch {
        let open = self.batches.iter().rposition(|of| of.service == service && of.spans < batch_max);
        let index = open.unwrap_or_else(|| {
            self.batches.push(Batch { service: service.to_owned(), encoded: memory(), spans: 0 });
            self.batches.len() - 1
        });
        &mut self.batches[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(services: &[&str]) -> Queue {
        let sizes =
            TracesArgs { bsp_max_export_batch_size: 2, bsp_max_queue_size: 5, ..TracesArgs::default() };
        let queue = Queue::new(&sizes);
        for service in services {
            queue.push(service, |spans| spans.push(1));
        }
        queue
    }

    fn held(waiting: &Waiting) -> Vec<(&str, usize)> {
        waiting.batches.iter().map(|batch| (batch.service.as_str(), batch.encoded.len())).collect()
    }

    #[test]
    fn what_is_not_full_waits_for_more() {
        let queue = filled(&["order", "email", "order", "order"]);
        assert_eq!(held(&queue.take_full()), [("order", 2)]);
        assert!(queue.take_full().is_nothing());
        queue.push("email", |spans| spans.push(1));
        assert_eq!(held(&queue.take_full()), [("email", 2)]);
        assert_eq!(held(&queue.take()), [("order", 1)]);
        assert!(queue.take().is_nothing());
    }

    #[test]
    fn what_was_taken_makes_room_and_what_does_not_fit_is_counted() {
        let queue = filled(&["order"; 7]);
        let full = queue.take_full();
        assert_eq!((full.batches.len(), full.lost), (2, 2));
        (0..4).for_each(|_| queue.push("order", |spans| spans.push(1)));
        let rest = queue.take();
        assert_eq!((held(&rest), rest.lost), (vec![("order", 2), ("order", 2), ("order", 1)], 0));
    }

    #[test]
    fn memory_of_what_was_sent_is_used_again_and_empty() {
        let queue = filled(&["order", "order"]);
        let sent = queue.take().batches.remove(0);
        let memory = sent.encoded.as_ptr();
        queue.reuse(sent);
        queue.push("email", |spans| spans.push(7));
        let batch = queue.take().batches.remove(0);
        assert_eq!((batch.encoded.as_ptr(), batch.encoded), (memory, vec![7]));
    }
}
