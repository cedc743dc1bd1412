//! What messaging reports, as dependencies in `/readyz`. None of it is needed to answer callers.

use messaging::{Part, Status};
use service_kit::{Health, Importance, Reporter};

/// A listener reads, and looks schemas up; it has no other part.
pub struct Dependencies {
    consumer: Reporter,
    registry: Reporter,
}

impl Dependencies {
    pub fn of(health: &Health) -> Self {
        let dependency = |part: Part| health.dependency(part.name(), Importance::Degradable);
        Self { consumer: dependency(Part::Consumer), registry: dependency(Part::Registry) }
    }
}

impl Status for Dependencies {
    fn set(&self, part: Part, trouble: Option<&str>) {
        let reporter = match part {
            Part::Consumer => &self.consumer,
            Part::Registry => &self.registry,
            Part::Relay | Part::Outside => return,
        };
        match trouble {
            None => reporter.ok(),
            Some(trouble) => reporter.degraded(trouble),
        }
    }
}
