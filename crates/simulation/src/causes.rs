//! What brings about what: read off the log of every history an order can have, as the services' own code writes it.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Event as _;
use messaging::core::batch::Content;

use crate::act::Scope;
use crate::exhaustive::visit_with;
use crate::world::{Plan, Step, Wish, World};

/// Of each event by its full name: the events that cause it. `None` is what no event causes: a caller, or time.
pub type Causes = BTreeMap<&'static str, BTreeSet<Option<&'static str>>>;

/// Of one order that can be paid for, or not, or not in the end; for which there is enough, or not; cancelled or overdue at any
/// moment, or not at all. Every order of steps is taken, so nothing depends on a seed.
pub fn of_one_order() -> Causes {
    let mut causes = Causes::new();
    for token in ["tok_ok", "tok_declined", "tok_capture_fails"] {
        for pieces in [1, 2] {
            let plan = Plan {
                shelves: vec![1],
                wishes: vec![Wish { lines: vec![(0, pieces)], token }],
                instances: 1,
                customer_known: false,
                faults_max: 1,
                scope: Scope { batches: false, zombies: false },
                time: false,
            };
            let may = |_: &World, step: &Step| matches!(step, Step::Cancel(..) | Step::Hour);
            visit_with(plan, may, |world| look(world, &mut causes));
        }
    }
    causes
}

fn look(world: &World, causes: &mut Causes) {
    let events: Vec<_> = world
        .log
        .entries()
        .filter_map(|(_, entry)| match &entry.record.content {
            Content::Event(received) => Some(received),
            _ => None,
        })
        .collect();
    let names: BTreeMap<_, _> =
        events.iter().map(|received| (received.metadata.id, received.event.name())).collect();
    for received in events {
        let cause = received.metadata.causation.and_then(|id| names.get(&id).copied());
        causes.entry(received.event.name()).or_default().insert(cause);
    }
}
