//! Which rows of the outbox are sent when. Of one key at most one row is in flight, the next goes after its ack: whoever
//! sends a row twice repeats it, and nobody overtakes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What the relay needs to know of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Row id; of one key in the order of the decisions.
    pub id: i64,
    /// Share of the outbox it falls into.
    pub shard: i16,
    /// Topic and key.
    pub key: (String, String),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// There may be new rows.
    Woken,
    /// These shards are held now, and no others.
    Held(BTreeSet<i16>),
    /// The deletion and the page that were asked for are committed; the page had at most `limit` rows.
    Exchanged {
        /// Rows not held in memory, by id.
        rows: Vec<Row>,
    },
    /// Deletion and page failed together, or nobody knows: asked for again after the next [`Input::Rested`].
    ExchangeFailed,
    /// The broker has the row.
    Acked(i64),
    /// The row cannot be sent for now; it blocks its key, not the table.
    Failed(i64),
    /// Time to try the blocked keys again.
    Unblock,
    /// Acknowledged rows have waited long enough for others to be deleted with.
    Flush,
    /// The time between two exchanges is over, or the wait after one that failed.
    Rested,
    /// The producer ended; what was in flight may or may not be in the log.
    ProducerLost,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this row, and report `Acked` or `Failed`.
    Publish(i64),
    /// In one transaction: delete `delete`, then read up to `limit` rows of `shards` by id without `without`. No other one
    /// until [`Input::Rested`], which the executor says a moment after it has begun this one: what comes meanwhile shares
    /// the next.
    Exchange {
        /// Acknowledged rows.
        delete: Vec<i64>,
        /// Rows held in memory.
        without: Vec<i64>,
        /// Shards held.
        shards: Vec<i16>,
        /// Size of the page; 0 when only deleting.
        limit: usize,
    },
    /// Forget the content of these rows.
    Drop(Vec<i64>),
}

#[derive(Clone, Debug, Default)]
struct Queue {
    waiting: VecDeque<i64>,
    in_flight: Option<i64>,
    blocked: bool,
}

#[derive(Clone, Debug)]
struct Held {
    shard: i16,
    key: (String, String),
}

/// The exchange under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    None,
    Asked,
    /// Rows were forgotten since it was asked for: it lacks them, so later rows of their keys must not be taken from it.
    Stale,
}

impl Page {
    fn forgotten(&mut self) {
        if *self == Self::Asked {
            *self = Self::Stale;
        }
    }
}

/// The relay of one instance. The same inputs always lead to the same actions, in the same order.
#[derive(Clone, Debug)]
pub struct Relay {
    shards: BTreeSet<i16>,
    queues: BTreeMap<(String, String), Queue>,
    rows: BTreeMap<i64, Held>,
    acked: Vec<i64>,
    deleting: Vec<i64>,
    page: Page,
    resting: bool,
    flush: bool,
    hungry: bool,
    asked: usize,
    blocked_rows: usize,
    rows_max: usize,
    page_max: usize,
}

/// So many acknowledged rows are worth a statement of their own.
const DELETE_MIN: usize = 200;

/// Rows of blocked keys kept in memory at most: beyond it the relay reads no more until they can be sent.
const BLOCKED_ROWS_MAX: usize = 20_000;

impl Relay {
    /// Holds up to `rows_max` rows that can be sent, read in pages of `page_max`.
    pub fn new(rows_max: usize, page_max: usize) -> Self {
        Self {
            shards: BTreeSet::new(),
            queues: BTreeMap::new(),
            rows: BTreeMap::new(),
            acked: Vec::new(),
            deleting: Vec::new(),
            page: Page::None,
            resting: false,
            flush: false,
            hungry: true,
            asked: 0,
            blocked_rows: 0,
            rows_max,
            page_max,
        }
    }

    /// Takes one input in and says what follows.
    pub fn step(&mut self, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Woken => self.hungry = true,
            Input::Held(shards) => self.hold(shards, &mut actions),
            Input::Exchanged { rows } => self.exchanged(rows, &mut actions),
            Input::ExchangeFailed => {
                self.page = Page::None;
                self.hungry = true;
                self.resting = true;
                self.acked.append(&mut self.deleting);
            }
            Input::Acked(id) => self.acked(id, &mut actions),
            Input::Failed(id) => self.failed(id),
            Input::Unblock => self.unblock(&mut actions),
            Input::Flush => self.flush = true,
            Input::Rested => self.resting = false,
            Input::ProducerLost => self.forget_all(&mut actions),
        }
        self.exchange(&mut actions);
        actions
    }

    /// True when nothing is in flight and nothing acknowledged is left to delete.
    pub fn is_idle(&self) -> bool {
        self.page == Page::None
            && self.acked.is_empty()
            && self.queues.values().all(|queue| queue.in_flight.is_none())
    }

    /// Acknowledged rows whose deletion was not asked for yet: after a while, say [`Input::Flush`].
    pub fn rows_acked(&self) -> usize {
        self.acked.len()
    }

    /// Rows held in memory.
    pub fn rows_held(&self) -> usize {
        self.rows.len()
    }

    /// Rows held in memory whose key is blocked.
    pub fn rows_blocked(&self) -> usize {
        self.blocked_rows
    }

    fn hold(&mut self, shards: BTreeSet<i16>, actions: &mut Vec<Action>) {
        self.hungry |= !shards.is_subset(&self.shards);
        self.shards = shards;
        let mut dropped = Vec::new();
        for queue in self.queues.values_mut() {
            let held = &self.shards;
            let gone = |id: &i64| self.rows.get(id).is_some_and(|row| !held.contains(&row.shard));
            if queue.waiting.front().is_some_and(gone) {
                if queue.blocked {
                    self.blocked_rows -= queue.waiting.len();
                }
                dropped.extend(queue.waiting.drain(..));
                queue.blocked = false;
            }
        }
        for id in &dropped {
            self.rows.remove(id);
        }
        self.queues.retain(|_, queue| queue.in_flight.is_some() || !queue.waiting.is_empty());
        if !dropped.is_empty() {
            self.page.forgotten();
            actions.push(Action::Drop(dropped));
        }
    }

    fn exchanged(&mut self, rows: Vec<Row>, actions: &mut Vec<Action>) {
        self.deleting.clear();
        self.hungry |= self.asked > 0 && rows.len() == self.asked;
        let stale = std::mem::replace(&mut self.page, Page::None) == Page::Stale;
        self.hungry |= stale;
        let mut unwanted = Vec::new();
        for row in rows {
            if stale || !self.shards.contains(&row.shard) {
                unwanted.push(row.id);
                continue;
            }
            let queue = self.queues.entry(row.key.clone()).or_default();
            queue.waiting.push_back(row.id);
            self.blocked_rows += usize::from(queue.blocked);
            self.rows.insert(row.id, Held { shard: row.shard, key: row.key });
            Self::publish_next(queue, actions);
        }
        if !unwanted.is_empty() {
            actions.push(Action::Drop(unwanted));
        }
    }

    fn acked(&mut self, id: i64, actions: &mut Vec<Action>) {
        let Some(row) = self.rows.remove(&id) else { return };
        self.acked.push(id);
        actions.push(Action::Drop(vec![id]));
        if let Some(queue) = self.queues.get_mut(&row.key) {
            queue.in_flight = None;
            Self::publish_next(queue, actions);
            if queue.in_flight.is_none() && queue.waiting.is_empty() {
                self.queues.remove(&row.key);
            }
        }
    }

    fn failed(&mut self, id: i64) {
        let Some(row) = self.rows.get(&id) else { return };
        if let Some(queue) = self.queues.get_mut(&row.key) {
            queue.in_flight = None;
            queue.blocked = true;
            queue.waiting.push_front(id);
            self.blocked_rows += queue.waiting.len();
        }
    }

    fn unblock(&mut self, actions: &mut Vec<Action>) {
        self.blocked_rows = 0;
        let mut blocked: Vec<&mut Queue> = self.queues.values_mut().filter(|queue| queue.blocked).collect();
        blocked.sort_by_key(|queue| queue.waiting.front().copied());
        for queue in blocked {
            queue.blocked = false;
            Self::publish_next(queue, actions);
        }
    }

    fn forget_all(&mut self, actions: &mut Vec<Action>) {
        self.queues.clear();
        self.blocked_rows = 0;
        self.hungry = true;
        self.page.forgotten();
        actions.push(Action::Drop(std::mem::take(&mut self.rows).into_keys().collect()));
    }

    fn publish_next(queue: &mut Queue, actions: &mut Vec<Action>) {
        if queue.in_flight.is_none() && !queue.blocked {
            queue.in_flight = queue.waiting.pop_front();
            actions.extend(queue.in_flight.map(Action::Publish));
        }
    }

    fn exchange(&mut self, actions: &mut Vec<Action>) {
        if self.page != Page::None || self.resting {
            return;
        }
        let free = self.rows_max.saturating_sub(self.rows.len() - self.blocked_rows);
        let may_read = self.hungry && !self.shards.is_empty() && self.blocked_rows < BLOCKED_ROWS_MAX;
        let limit = if may_read { free.min(self.page_max) } else { 0 };
        // Deleting is not urgent: the rows go with the next page, or when they have become many or have waited.
        let may_delete = !self.acked.is_empty() && (self.flush || self.acked.len() >= DELETE_MIN);
        if limit == 0 && !may_delete {
            return;
        }
        self.page = Page::Asked;
        self.resting = true;
        self.flush = false;
        self.asked = limit;
        self.hungry &= limit == 0;
        self.deleting = std::mem::take(&mut self.acked);
        actions.push(Action::Exchange {
            delete: self.deleting.clone(),
            without: self.rows.keys().copied().collect(),
            shards: self.shards.iter().copied().collect(),
            limit,
        });
    }
}
