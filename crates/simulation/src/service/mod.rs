//! A service: one database, and the instances that work on it. What can happen next, and what happens then.

mod calling;
mod living;
mod reading;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use events::Event;
use kernel::{Clock, Ids, Timestamp};
use messaging::Intent;
use messaging::core::consumer::{Start, start};
use messaging::core::{intents, relay};
use messaging::memory::{Database, OutboxRow};
use uuid::Uuid;

use crate::act::{Act, Fate, Scope};
use crate::log::{Log, Partition};
use crate::member::{Member, partitions};
use crate::outside::Outside;
use crate::process::{Process, State, reader};

const LEASE: Duration = Duration::from_hours(24 * 365);

/// A service with all its instances.
#[derive(Clone, Debug)]
pub struct Service<M: Member> {
    /// What messaging keeps.
    pub database: Database<Event>,
    /// What the service keeps.
    pub tables: M::Tables,
    /// Its instances.
    pub processes: Vec<Process<M::Outcome>>,
    /// Whom the broker gave each partition.
    pub assigned: BTreeMap<Partition, usize>,
    /// Instances that are gone and hold leases that have not run out.
    pub gone: Vec<String>,
    /// Claimed by somebody who does not know.
    pub orphans: Vec<i64>,
    /// Rows that were sent by instances that died: they may still arrive.
    pub wire: Vec<OutboxRow<Event>>,
    /// Events that were dropped for being known.
    pub duplicates: Untold,
    ids: u64,
    lives: u32,
}

/// A count for the report, which tells no state from another.
#[derive(Clone, Copy, Default)]
pub struct Untold(pub usize);

impl std::fmt::Debug for Untold {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

/// What a service acts on besides itself.
pub struct Surroundings<'a> {
    /// Kafka.
    pub log: &'a mut Arc<Log>,
    /// Gateway and mailbox.
    pub outside: &'a mut Arc<Outside>,
    /// Calls that the other side gets later: service and intent.
    pub late: &'a mut Vec<(&'static str, Intent)>,
    /// What may happen.
    pub scope: Scope,
    /// Now.
    pub now: Timestamp,
}

/// A clock that stands still for one step.
pub struct Still(pub Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Ids in turn, of one service.
pub struct Counter {
    service: u64,
    next: AtomicU64,
}

impl Ids for Counter {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(self.service, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl<M: Member> Service<M> {
    /// With so many instances, just started.
    pub fn new(instances: usize) -> Self {
        let mut service = Self {
            database: Database::default(),
            tables: M::Tables::default(),
            processes: Vec::new(),
            assigned: BTreeMap::new(),
            gone: Vec::new(),
            orphans: Vec::new(),
            wire: Vec::new(),
            duplicates: Untold(0),
            ids: 0,
            lives: 0,
        };
        for _ in 0..instances {
            let process = Process::new(service.next_name());
            service.processes.push(process);
        }
        for (number, partition) in partitions::<M>().into_iter().enumerate() {
            let process = number % instances;
            service.assigned.insert(partition, process);
            service.begin(process, partition, 0);
        }
        service
    }

    /// Does something with ids of this service.
    pub fn with_ids<T>(&mut self, work: impl FnOnce(&mut Self, &Counter) -> T) -> T {
        let service = M::NAME.bytes().map(u64::from).sum();
        let ids = Counter { service, next: AtomicU64::new(self.ids) };
        let result = work(self, &ids);
        self.ids = ids.next.load(Ordering::Relaxed);
        result
    }

    fn next_name(&mut self) -> String {
        self.lives += 1;
        format!("{}-{}", M::NAME, self.lives)
    }

    /// Starts to read a partition where the database says.
    fn begin(&mut self, process: usize, partition: Partition, end: i64) {
        let position = self.database.load_or_begin(partition.0, partition.1, 0);
        if let Start::From(_) = start(&position, 0, end) {
            self.processes[process].readers.insert(partition, reader(position.next_offset));
        }
    }

    /// Another instance that runs.
    fn other(&self, process: usize) -> Option<usize> {
        let runs = |number: &usize| self.processes[*number].state == State::Running;
        (0..self.processes.len()).filter(|number| *number != process).find(runs)
    }

    /// One that runs.
    pub fn running(&self) -> Option<usize> {
        self.processes.iter().position(|process| process.state == State::Running)
    }

    /// The instances look at what they may do now.
    pub fn wake(&mut self, now: Timestamp) {
        let claimable = if M::CALLS { self.database.claimable(now) } else { Vec::new() };
        let running = self.processes.iter_mut().filter(|process| process.state == State::Running);
        for process in running {
            process.relay.wake(&self.database);
            if M::CALLS {
                process.calls.wake(&claimable);
            }
        }
    }

    /// Does it; `Err` when the log cannot be right any more.
    pub fn act(&mut self, process: usize, act: &Act, around: &mut Surroundings<'_>) -> Result<(), String> {
        match act {
            Act::Lease => self.lease(process, around.now),
            Act::Exchange(fate) => self.exchange(process, *fate),
            Act::Publish(row, fate) => return self.publish(process, *row, *fate, Arc::make_mut(around.log)),
            Act::Unblock => self.processes[process].relay.step(relay::Input::Unblock),
            Act::Handle { what, max, fate } => self.handle(process, what, *max, *fate, around),
            Act::Claim(fate) => self.claim(process, *fate, around.now),
            Act::Call(id, fate) => self.call(process, *id, *fate, around),
            Act::Write(fate) => self.write(process, *fate, around.now),
            Act::WriteAgain(id) => {
                self.processes[process].calls.later.remove(id);
                self.processes[process].calls.step(intents::Input::WriteAgain(*id));
            }
            Act::Crash => self.crash(process, around.scope.zombies, around.log),
            Act::Start => self.start(process, around.log),
            Act::Pause => self.pause(process, around.log),
            Act::Resume => self.resume(process),
            Act::Rebalance(partition, to) => self.rebalance(*partition, *to, around.log),
            Act::RunOut(name) => {
                self.gone.retain(|gone| gone != name);
                self.run_out(name);
            }
            Act::RunOutIntent(id) => {
                self.orphans.retain(|orphan| orphan != id);
                self.database.run_out_intent(*id);
            }
            Act::Arrive(number) => {
                let row = self.wire.remove(*number);
                return Arc::make_mut(around.log).append(&row).map(drop);
            }
        }
        Ok(())
    }

    fn run_out(&mut self, name: &str) {
        self.database.run_out(name);
        self.processes.iter_mut().for_each(|process| process.leases_stale = true);
    }

    fn lease(&mut self, process: usize, now: Timestamp) {
        let before = self.database.leases().to_vec();
        let held = self.database.claim_shards(&self.processes[process].name, now, LEASE);
        let changed = before.iter().zip(self.database.leases()).any(|(one, other)| one.owner != other.owner);
        self.processes.iter_mut().for_each(|process| process.leases_stale |= changed);
        let process = &mut self.processes[process];
        process.leases_stale = false;
        process.relay.held = held.into_iter().collect();
        let held = process.relay.held.clone();
        process.relay.step(relay::Input::Held(held));
    }

    fn exchange(&mut self, process: usize, fate: Fate) {
        let relay = &mut self.processes[process].relay;
        let Some(wanted) = relay.exchange.take() else { return };
        let rows = match fate {
            Fate::Nothing => Vec::new(),
            Fate::Done | Fate::AnswerLost | Fate::Late => {
                self.database.exchange(&wanted.delete, &wanted.shards, &wanted.without, wanted.limit)
            }
        };
        if fate != Fate::Done {
            return relay.step(relay::Input::ExchangeFailed);
        }
        let heads = rows.iter().map(OutboxRow::head).collect();
        relay.rows.extend(rows.into_iter().map(|row| (row.id, row)));
        relay.step(relay::Input::Exchanged { rows: heads });
    }

    fn publish(&mut self, process: usize, id: i64, fate: Fate, log: &mut Log) -> Result<(), String> {
        let relay = &mut self.processes[process].relay;
        relay.in_flight.remove(&id);
        let Some(row) = relay.rows.get(&id) else { return Ok(()) };
        let appended = match fate {
            Fate::Nothing => Ok(()),
            Fate::Done | Fate::AnswerLost | Fate::Late => log.append(row).map(drop),
        };
        let input = if fate == Fate::Done { relay::Input::Acked(id) } else { relay::Input::Failed(id) };
        relay.step(input);
        appended
    }
}
