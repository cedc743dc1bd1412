//! One instance of a service: what it holds in memory, and loses when it dies. The relay and the intent worker are the state
//! machines of `messaging::core`; here is only what their loops do with the actions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use events::Event;
use messaging::core::Backoff;
use messaging::core::consumer::Partition as Reader;
use messaging::core::intents::{self, Intents};
use messaging::core::relay::{self, Relay};
use messaging::memory::{Database, OutboxRow};
use messaging::{Intent, Retry};

use crate::log::Partition;

/// Records in one batch at most.
pub const BATCH_MAX: usize = 3;
/// Tries of a record before it is parked.
const ATTEMPTS_MAX: u32 = 3;
const ROWS_MAX: usize = 100;
const CALLS_MAX: usize = 8;
const BACKOFF: Backoff = Backoff { base: Duration::ZERO, cap: Duration::ZERO };

/// Whether it does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It works.
    Running,
    /// It stands still and does not know: nothing of what it holds is lost, and others take over.
    Paused,
    /// It was killed.
    Down,
}

/// An instance.
#[derive(Clone, Debug)]
pub struct Process<O> {
    /// Of this life; the next one has another.
    pub name: String,
    /// What it is.
    pub state: State,
    /// Publishes.
    pub relay: Publishing,
    /// Partitions it believes to have.
    pub readers: BTreeMap<Partition, Reader>,
    /// Calls the outside.
    pub calls: Calls<O>,
    /// Something happened to the leases since it looked.
    pub leases_stale: bool,
}

/// A relay with what its loop keeps.
#[derive(Clone, Debug)]
pub struct Publishing {
    core: Relay,
    /// What it read and has not sent.
    pub rows: BTreeMap<i64, OutboxRow<Event>>,
    /// Sent, and not answered.
    pub in_flight: BTreeSet<i64>,
    /// The exchange that is asked for.
    pub exchange: Option<Exchange>,
    /// Shards it believes to hold.
    pub held: BTreeSet<i16>,
}

/// What is deleted and read in one transaction.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Acknowledged rows.
    pub delete: Vec<i64>,
    /// Rows it has.
    pub without: Vec<i64>,
    /// Shards it believes to hold.
    pub shards: Vec<i16>,
    /// Rows at most.
    pub limit: usize,
}

/// An intent worker with what its loop keeps.
#[derive(Clone, Debug)]
pub struct Calls<O> {
    core: Intents,
    /// Claimed.
    pub held: BTreeMap<i64, Intent>,
    /// Their calls are to be made.
    pub to_call: BTreeSet<i64>,
    /// What came of calls.
    pub results: BTreeMap<i64, Result<O, Retry>>,
    /// A claim that is asked for: how many, and without which.
    pub claim: Option<(usize, Vec<i64>)>,
    /// Results that are to be written, and intents to be given back.
    pub write: Option<(Vec<i64>, Vec<i64>)>,
    /// Results to be written again.
    pub later: BTreeSet<i64>,
}

/// A reader of a partition from an offset on.
pub fn reader(next_offset: i64) -> Reader {
    Reader::new(next_offset, BATCH_MAX, ATTEMPTS_MAX, BACKOFF)
}

impl<O> Process<O> {
    /// Just started.
    pub fn new(name: String) -> Self {
        Self {
            name,
            state: State::Running,
            relay: Publishing {
                core: Relay::new(ROWS_MAX, ROWS_MAX),
                rows: BTreeMap::new(),
                in_flight: BTreeSet::new(),
                exchange: None,
                held: BTreeSet::new(),
            },
            readers: BTreeMap::new(),
            calls: Calls {
                core: Intents::new(CALLS_MAX, CALLS_MAX),
                held: BTreeMap::new(),
                to_call: BTreeSet::new(),
                results: BTreeMap::new(),
                claim: None,
                write: None,
                later: BTreeSet::new(),
            },
            leases_stale: true,
        }
    }
}

impl Publishing {
    /// One input, and what follows of it.
    pub fn step(&mut self, input: relay::Input) {
        for action in self.core.step(input) {
            match action {
                relay::Action::Publish(id) => drop(self.in_flight.insert(id)),
                relay::Action::Exchange { delete, without, shards, limit } => {
                    self.exchange = Some(Exchange { delete, without, shards, limit });
                }
                relay::Action::Drop(ids) => ids.iter().for_each(|id| drop(self.rows.remove(id))),
            }
        }
    }

    /// Wakes it when there is something to do; a relay that polls would find out by itself.
    pub fn wake(&mut self, database: &Database<Event>) {
        if self.exchange.is_some() {
            return;
        }
        let unread =
            database.unsent().any(|row| self.held.contains(&row.shard) && !self.rows.contains_key(&row.id));
        if unread || self.core.rows_acked() > 0 {
            self.step(relay::Input::Rested);
            self.step(relay::Input::Woken);
            self.step(relay::Input::Flush);
        }
    }

    /// Rows whose key is blocked.
    pub fn is_blocked(&self) -> bool {
        self.core.rows_blocked() > 0
    }
}

impl<O> Calls<O> {
    /// One input, and what follows of it.
    pub fn step(&mut self, input: intents::Input) {
        for action in self.core.step(input) {
            match action {
                intents::Action::Claim { limit, without } => self.claim = Some((limit, without)),
                intents::Action::Perform(id) => drop(self.to_call.insert(id)),
                intents::Action::Write { conclude, put_back } => self.write = Some((conclude, put_back)),
                intents::Action::WriteLater { id, .. } => drop(self.later.insert(id)),
            }
        }
    }

    /// Wakes it when there is something to claim or to write.
    pub fn wake(&mut self, claimable: &[i64]) {
        if self.claim.is_none() && claimable.iter().any(|id| !self.held.contains_key(id)) {
            self.step(intents::Input::Rested(intents::Step::Claim));
            self.step(intents::Input::Woken);
        }
        if self.write.is_none() && self.results.keys().any(|id| !self.later.contains(id)) {
            self.step(intents::Input::Rested(intents::Step::Write));
        }
    }
}
