//! Calls to the outside that are to be made.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use kernel::Timestamp;

use super::Database;
use crate::outbox::Decided;
use crate::{Intent, IntentChange, OpenIntent};

/// An open intent.
#[derive(Clone, Debug)]
pub struct IntentRow {
    /// As its worker sees it.
    pub intent: Intent,
    /// What it may have to wait for.
    pub subject: Option<String>,
    /// Not before this instant.
    pub due_at: Timestamp,
    /// Since it was claimed: what it waits for is there.
    pub woken: bool,
    /// Who works on it.
    pub owner: Option<String>,
    /// Until when; `None`: not any more.
    pub until: Option<Timestamp>,
}

impl<E> Database<E> {
    /// Writes the changes of a batch, in order.
    pub fn change_intents(&mut self, decided: &[Decided<E>]) {
        for one in decided {
            for change in &one.effects.intents {
                match change {
                    IntentChange::Open(new) => {
                        self.last_intent += 1;
                        let intent = Intent {
                            id: self.last_intent,
                            key: new.key.clone(),
                            kind: new.kind.to_owned(),
                            payload: new.payload.clone(),
                            causation: one.cause.event,
                            trace: one.cause.trace.clone(),
                            attempts: 0,
                        };
                        let (subject, due_at) = (new.subject.clone(), new.due_at);
                        let row =
                            IntentRow { intent, subject, due_at, woken: false, owner: None, until: None };
                        self.intents.insert(row.intent.id, row);
                    }
                    IntentChange::Withdraw { key } => {
                        self.intents.retain(|_, row| row.intent.key != *key || row.intent.attempts > 0);
                    }
                    IntentChange::Wake { subject } => self.wake(subject, one.at),
                }
            }
        }
    }

    fn wake(&mut self, subject: &str, now: Timestamp) {
        let waiting = self.intents.values_mut().filter(|row| row.subject.as_deref() == Some(subject));
        for row in waiting.filter(|row| row.due_at > now || row.owner.is_some()) {
            (row.due_at, row.woken) = (now, true);
        }
    }

    /// The open intents of these keys, oldest first.
    pub fn open_intents(&self, keys: &[String]) -> Vec<OpenIntent> {
        let mut open: Vec<&Intent> =
            self.intents.values().map(|row| &row.intent).filter(|one| keys.contains(&one.key)).collect();
        open.sort_by(|one, other| (&one.key, one.id).cmp(&(&other.key, other.id)));
        let open = open.into_iter();
        open.map(|one| OpenIntent { key: one.key.clone(), kind: one.kind.clone(), attempts: one.attempts })
            .collect()
    }

    /// Claims intents that are due, of each key only the oldest, and none of `without`.
    pub fn claim_intents(
        &mut self,
        me: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
        without: &[i64],
    ) -> Vec<Intent> {
        let mut claimed = Vec::new();
        for id in self.claimable(now).into_iter().filter(|id| !without.contains(id)).take(limit) {
            if let Some(row) = self.intents.get_mut(&id) {
                row.intent.attempts += 1;
                row.woken = false;
                (row.owner, row.until) = (Some(me.to_owned()), Some(now.plus(lease)));
                claimed.push(row.intent.clone());
            }
        }
        claimed
    }

    /// The intents that may be claimed, the longest due first.
    pub fn claimable(&self, now: Timestamp) -> Vec<i64> {
        let mut oldest = BTreeMap::new();
        for row in self.intents.values() {
            oldest.entry(&row.intent.key).or_insert(row.intent.id);
        }
        let free = |row: &IntentRow| row.until.is_none_or(|until| until < now);
        let due = self.intents.values().filter(|row| row.due_at <= now && free(row));
        let mut due: Vec<(Timestamp, i64)> = due
            .filter(|row| oldest.get(&row.intent.key) == Some(&row.intent.id))
            .map(|row| (row.due_at, row.intent.id))
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Ends those of these intents that are still held by `me` in this very try; returns which.
    pub fn end_intents(&mut self, me: &str, intents: &[&Intent]) -> HashSet<i64> {
        let ours: HashSet<i64> =
            intents.iter().filter(|intent| self.is_held(me, intent)).map(|intent| intent.id).collect();
        self.intents.retain(|id, _| !ours.contains(id));
        ours
    }

    /// Gives intents back, to be tried again at their time; at once those that were woken meanwhile.
    pub fn put_back_intents(&mut self, me: &str, due: &[(&Intent, Timestamp)]) {
        for (intent, at) in due {
            if !self.is_held(me, intent) {
                continue;
            }
            if let Some(row) = self.intents.get_mut(&intent.id) {
                (row.owner, row.until) = (None, None);
                row.due_at = if row.woken { row.due_at } else { *at };
            }
        }
    }

    fn is_held(&self, me: &str, intent: &Intent) -> bool {
        self.intents
            .get(&intent.id)
            .is_some_and(|row| row.intent.attempts == intent.attempts && row.owner.as_deref() == Some(me))
    }

    /// Keeps what is held while calls take their time.
    pub fn renew_intents(&mut self, me: &str, ids: &[i64], now: Timestamp, lease: Duration) {
        let held = self.intents.values_mut().filter(|row| row.owner.as_deref() == Some(me));
        for row in held.filter(|row| ids.contains(&row.intent.id)) {
            row.until = Some(now.plus(lease));
        }
    }

    /// The instance ends: what it holds can be claimed at once, and what is `untried` may still be withdrawn.
    pub fn leave_intents(&mut self, me: &str, untried: &[i64]) {
        for row in self.intents.values_mut().filter(|row| row.owner.as_deref() == Some(me)) {
            (row.owner, row.until) = (None, None);
            row.intent.attempts -= i32::from(untried.contains(&row.intent.id));
        }
    }

    /// The lease of one runs out, whoever holds it.
    pub fn run_out_intent(&mut self, id: i64) {
        if let Some(row) = self.intents.get_mut(&id) {
            row.until = None;
        }
    }

    pub(super) fn run_out_intents(&mut self, me: &str) {
        for row in self.intents.values_mut().filter(|row| row.owner.as_deref() == Some(me)) {
            row.until = None;
        }
    }

    /// What is not ended yet, by id.
    pub fn intents(&self) -> impl Iterator<Item = &IntentRow> {
        self.intents.values()
    }
}
