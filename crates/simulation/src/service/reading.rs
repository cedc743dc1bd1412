//! A batch: what is read, tried in one transaction, and learnt from what came of it.

use std::sync::Arc;

use events::Event;
use futures::FutureExt as _;
use kernel::Timestamp;
use messaging::Cause;
use messaging::core::Verdict;
use messaging::core::consumer::{Next, Outcome};
use messaging::core::transaction::{Deciding, Failure, Slice, handle};
use messaging::memory::Session;

use super::{Service, Still, Surroundings};
use crate::act::Fate;
use crate::log::{Entry, Partition};
use crate::member::Member;

impl<M: Member> Service<M> {
    pub(super) fn handle(
        &mut self,
        process: usize,
        what: &[Partition],
        max: usize,
        fate: Fate,
        around: &mut Surroundings<'_>,
    ) {
        let readers = &self.processes[process].readers;
        let tries: Vec<(Partition, _, Vec<Arc<Entry>>)> = what
            .iter()
            .filter_map(|partition| {
                let reader = readers.get(partition)?;
                let attempt = reader.attempt();
                let entries = around.log.read(*partition, reader.next_offset(), attempt.records_max.min(max));
                (!entries.is_empty()).then_some((*partition, attempt, entries))
            })
            .collect();
        let slices: Vec<Slice<'_, Event>> = tries
            .iter()
            .map(|(partition, attempt, entries)| Slice {
                topic: partition.0,
                partition: partition.1,
                from: readers[partition].next_offset(),
                attempts: readers[partition].attempts(),
                park: attempt.park.as_ref(),
                records: entries.iter().map(|entry| (&entry.raw, &entry.record)).collect(),
            })
            .collect();
        let ends: Vec<(Partition, usize, i64)> = tries
            .iter()
            .zip(&slices)
            .map(|((at, _, entries), one)| (*at, entries.len(), one.end()))
            .collect();
        let name = self.processes[process].name.clone();
        let outcome = self.in_transaction(&name, &slices, fate, around.now);
        let together = ends.len() > 1 && outcome != Outcome::Committed;
        for (partition, records, end) in ends {
            let outcome = if together { Outcome::Apart } else { outcome.clone() };
            let Some(reader) = self.processes[process].readers.get_mut(&partition) else { continue };
            if reader.tried(records, end, outcome, 0.0) == Next::Reload {
                self.processes[process].readers.remove(&partition);
                if self.assigned.get(&partition) == Some(&process) {
                    self.begin(process, partition, around.log.end(partition));
                }
            }
        }
    }

    pub(super) fn in_transaction(
        &mut self,
        name: &str,
        slices: &[Slice<'_, Event>],
        fate: Fate,
        now: Timestamp,
    ) -> Outcome {
        let away = || Outcome::Failed(Verdict::Outage, "no answer".to_owned());
        if fate == Fate::Nothing {
            return away();
        }
        let handler = M::handler();
        let done = self.with_ids(|service, ids| {
            let clock = Still(now);
            let deciding = Deciding { handler: &handler, clock: &clock, ids };
            let mut session = Session::begin(name, &mut service.database, &mut service.tables);
            let cause = |_, received: &messaging::Received<Event>| Cause::event(&received.metadata);
            // A transaction in memory never waits.
            let done = handle(&mut session, &deciding, slices, cause).now_or_never();
            if !matches!(done, Some(Ok(_))) {
                session.roll_back();
            }
            done
        });
        match done {
            Some(Ok(done)) => {
                self.duplicates.0 += done.duplicates.len();
                if fate == Fate::Done { Outcome::Committed } else { away() }
            }
            Some(Err(Failure::Moved)) => Outcome::Moved,
            Some(Err(Failure::Refused(parking))) => Outcome::Refused(parking),
            Some(Err(Failure::Store(error))) => Outcome::Failed(error.verdict(), error.to_string()),
            None => away(),
        }
    }
}
