//! How much of each assigned partition is not handled yet: the end of the log, as the client knows it, against the position
//! in the database. Kafka's own committed offset follows later, and never gets past the markers of transactions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::statistics::{self, Statistics};

use super::refused::At;
use crate::{Settings, metrics};

/// What of a partition was had and handled; each is the offset after it.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Handed to the partition's task.
    pub had: Arc<AtomicI64>,
    /// Committed with its effects.
    pub handled: Arc<AtomicI64>,
}

/// The partitions this member reads.
#[derive(Debug, Default)]
pub struct Lags(Mutex<HashMap<At, Mark>>);

impl Mark {
    /// Nothing is had yet from `next` on.
    pub fn at(next: i64) -> Self {
        Self { had: Arc::new(AtomicI64::new(next)), handled: Arc::new(AtomicI64::new(next)) }
    }

    /// `None` while the end of the log is not known.
    fn lag(&self, end: i64, fetched: i64, queued: i64) -> Option<i64> {
        if end < 0 {
            return None;
        }
        let (had, handled) = (self.had.load(Ordering::Relaxed), self.handled.load(Ordering::Relaxed));
        // What is left before the end are markers, which nobody is handed.
        let all_read = fetched >= end && queued == 0 && handled >= had;
        Some(if all_read { 0 } else { (end - handled).max(0) })
    }
}

impl Lags {
    /// A partition is read from now on.
    pub fn begin(&self, at: At, mark: Mark) {
        self.marks().insert(at, mark);
    }

    /// A partition is read by somebody else, or nobody.
    pub fn end(&self, service: &'static str, settings: &Settings, at: &At) {
        self.marks().remove(at);
        if let Some(topic) = settings.bare(&at.0) {
            metrics::lag(service, topic, at.1, 0);
        }
    }

    /// Takes in what the client knows of the log.
    pub fn measure(&self, service: &'static str, settings: &Settings, statistics: &Statistics) {
        for ((topic, partition), mark) in &*self.marks() {
            let known = statistics.topics.get(topic).and_then(|topic| topic.partitions.get(partition));
            let lag =
                known.and_then(|statistics::Partition { ls_offset, next_offset, fetchq_cnt, .. }| {
                    mark.lag(*ls_offset, *next_offset, *fetchq_cnt)
                });
            if let (Some(lag), Some(topic)) = (lag, settings.bare(topic)) {
                metrics::lag(service, topic, *partition, lag);
            }
        }
    }

    fn marks(&self) -> std::sync::MutexGuard<'_, HashMap<At, Mark>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_handled_counts_and_a_marker_at_the_end_does_not() {
        let mark = Mark::at(10);
        assert_eq!(mark.lag(-1001, 10, 0), None, "the end is not known");
        assert_eq!(mark.lag(10, 10, 0), Some(0));
        assert_eq!(mark.lag(14, 10, 0), Some(4), "not fetched");
        assert_eq!(mark.lag(14, 14, 3), Some(4), "fetched, in the client's queue");
        mark.had.store(13, Ordering::Relaxed);
        assert_eq!(mark.lag(14, 14, 0), Some(4), "had, not handled");
        mark.handled.store(13, Ordering::Relaxed);
        assert_eq!(mark.lag(14, 14, 0), Some(0), "offset 13 is a marker");
        assert_eq!(mark.lag(15, 14, 0), Some(2), "offset 14 may be a record");
    }
}
