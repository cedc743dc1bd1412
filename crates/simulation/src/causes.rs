//! What brings about what: read off the logs of many histories, as the services' own code wrote them.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Event as _;
use messaging::core::batch::Content;

use crate::choices::Choices;
use crate::history::play;

/// Of each event by its full name: the events that were seen to cause it. `None` is what no event causes: a caller, or time.
pub type Causes = BTreeMap<&'static str, BTreeSet<Option<&'static str>>>;

/// Seen in the histories of the first `seeds` seeds. More of them find no more once every pair has occurred.
pub fn seen(seeds: u64) -> Causes {
    let mut causes = Causes::new();
    for seed in 0..seeds {
        let (_, world) = play(&mut Choices::seed(seed), |_, _, _| {});
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
        for received in &events {
            let cause = received.metadata.causation.and_then(|id| names.get(&id).copied());
            causes.entry(received.event.name()).or_default().insert(cause);
        }
    }
    causes
}
