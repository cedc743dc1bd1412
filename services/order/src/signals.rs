//! Hears how messaging is: tells `/readyz`, and the sweeper when replies may have been missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use messaging::{Part, Status};
use service_kit::{Health, Importance, Reporter};

/// True when the replies may not have been read for a while.
#[derive(Clone, Debug)]
pub struct Outage(Arc<AtomicBool>);

impl Default for Outage {
    /// A start is one: nobody knows how long the service was away.
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Outage {
    /// There is, or was, one.
    pub fn note(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether there was one since the last call.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

/// The ears of messaging's loops.
#[derive(Debug)]
pub struct Signals {
    consumer: Reporter,
    relay: Reporter,
    registry: Reporter,
    outage: Outage,
}

impl Signals {
    /// Reports to `health` and, what keeps replies from being read, to `outage`.
    pub fn new(health: &Health, outage: Outage) -> Self {
        let part = |part: Part| health.dependency(part.name(), Importance::Degradable);
        Self {
            consumer: part(Part::Consumer),
            relay: part(Part::Relay),
            registry: part(Part::Registry),
            outage,
        }
    }
}

impl Status for Signals {
    fn set(&self, part: Part, trouble: Option<&str>) {
        let reporter = match part {
            Part::Consumer => &self.consumer,
            Part::Relay => &self.relay,
            Part::Registry => &self.registry,
            // This service makes no calls to the outside.
            Part::Outside => return,
        };
        match trouble {
            None => reporter.ok(),
            Some(reason) => reporter.degraded(reason),
        }
        // Without the registry replies of a new schema cannot be read either.
        if trouble.is_some() && matches!(part, Part::Consumer | Part::Registry) {
            self.outage.note();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[test]
    fn a_start_and_whatever_keeps_replies_from_being_read_is_an_outage_once() {
        let outage = Outage::default();
        assert!(outage.take() && !outage.take(), "a start is one");
        let signals = Signals::new(&Health::new("order", CancellationToken::new()), outage.clone());
        for (part, trouble, expected) in [
            (Part::Consumer, Some("no broker"), true),
            (Part::Registry, Some("no answer"), true),
            (Part::Relay, Some("no broker"), false),
            (Part::Consumer, None, false),
        ] {
            signals.set(part, trouble);
            assert_eq!(outage.take(), expected, "{part:?} {trouble:?}");
        }
    }
}
