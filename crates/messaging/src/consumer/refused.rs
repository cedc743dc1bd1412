//! Partitions that are ours but cannot be read for now: told until they can.

use std::collections::HashMap;

use crate::{Part, Runtime};

/// Topic as Kafka knows it, and partition.
pub(crate) type At = (String, i32);

/// `topic/partition`, for reports.
pub(super) fn name((topic, partition): &At) -> String {
    format!("{topic}/{partition}")
}

/// With the reason of each.
pub(super) struct Refused {
    runtime: Runtime,
    reasons: HashMap<At, String>,
}

impl Refused {
    /// None yet.
    pub(super) fn none(runtime: Runtime) -> Self {
        Self { runtime, reasons: HashMap::new() }
    }

    pub(super) fn add(&mut self, at: At, reason: String) {
        let service = self.runtime.service;
        tracing::error!(service, topic = at.0, partition = at.1, reason, "refusing to read");
        self.reasons.insert(at, reason);
        self.report();
    }

    /// Read again, or not ours any more.
    pub(super) fn remove(&mut self, at: &At) {
        if self.reasons.remove(at).is_some() {
            self.report();
        }
    }

    pub(super) fn all(&self) -> Vec<At> {
        self.reasons.keys().cloned().collect()
    }

    fn report(&self) {
        let first = self.reasons.iter().min().map(|(at, reason)| format!("{}: {reason}", name(at)));
        self.runtime.report(Part::Consumer, "refused", first.as_deref());
    }
}

impl Drop for Refused {
    fn drop(&mut self) {
        self.reasons.clear();
        self.report();
    }
}
