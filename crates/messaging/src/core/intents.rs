//! When intents are claimed, carried out and concluded. Bounded calls at a time; results are written in batches.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Verdict;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// There may be intents that are due.
    Woken,
    /// These were claimed, in a transaction that is committed.
    Claimed(Vec<i64>),
    /// The claim failed, or nobody knows: its leases run out by themselves.
    ClaimFailed,
    /// The call was made and has a result.
    Performed(i64),
    /// The call must be made again later.
    Retry(i64),
    /// The results that were to be written are committed, or the intents were no longer ours.
    Written,
    /// Writing failed; the results are kept.
    WriteFailed(Verdict),
    /// Time to write this result again, which could not be written even alone.
    WriteAgain(i64),
    /// The time between two claims, or between two writes, is over, or the wait after one that failed.
    Rested(Step),
}

/// What is done no more often than every few milliseconds, so that what comes meanwhile shares a transaction: the executor
/// says [`Input::Rested`] a moment after it has begun one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// [`Action::Claim`].
    Claim,
    /// [`Action::Write`].
    Write,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Claim up to `limit` intents that are due.
    Claim {
        /// How many at most.
        limit: usize,
        /// Held already: one whose lease ran out under its own call is not to be called twice by the same worker.
        without: Vec<i64>,
    },
    /// Make the call of this one.
    Perform(i64),
    /// Write what came of these: results, and those put back for later.
    Write {
        /// With a result.
        conclude: Vec<i64>,
        /// To be tried again.
        put_back: Vec<i64>,
    },
    /// Wait, then say `WriteAgain`: this result failed alone so many times.
    WriteLater {
        /// The intent.
        id: i64,
        /// How often.
        failures: u32,
    },
}

/// The intent worker of one instance.
#[derive(Clone, Debug)]
pub struct Intents {
    in_flight: BTreeSet<i64>,
    performed: Vec<i64>,
    retried: Vec<i64>,
    /// To be written one by one, to find the result a batch failed at.
    alone: VecDeque<i64>,
    /// How often a result could not be written although nothing was away.
    faults: BTreeMap<i64, u32>,
    writing: Option<(Vec<i64>, Vec<i64>)>,
    claiming: Option<usize>,
    resting: BTreeSet<Step>,
    hungry: bool,
    calls_max: usize,
    batch_max: usize,
}

impl Intents {
    /// `calls_max` intents held at a time, `batch_max` results in one transaction.
    pub fn new(calls_max: usize, batch_max: usize) -> Self {
        Self {
            in_flight: BTreeSet::new(),
            performed: Vec::new(),
            retried: Vec::new(),
            alone: VecDeque::new(),
            faults: BTreeMap::new(),
            writing: None,
            claiming: None,
            resting: BTreeSet::new(),
            hungry: true,
            calls_max,
            batch_max,
        }
    }

    /// Takes one input in and says what follows.
    pub fn step(&mut self, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Woken => self.hungry = true,
            Input::Claimed(ids) => {
                let asked = self.claiming.take().unwrap_or(0);
                self.hungry |= ids.len() == asked;
                actions.extend(ids.iter().copied().map(Action::Perform));
                self.in_flight.extend(ids);
            }
            Input::ClaimFailed => {
                self.claiming = None;
                self.hungry = true;
                self.resting.insert(Step::Claim);
            }
            Input::Performed(id) => self.performed.push(id),
            Input::Retry(id) => self.retried.push(id),
            Input::Written => {
                for id in
                    self.writing.take().into_iter().flat_map(|(done, back)| done.into_iter().chain(back))
                {
                    self.in_flight.remove(&id);
                    self.faults.remove(&id);
                }
                self.hungry = true; // the next of the same key may be free now
            }
            Input::WriteFailed(verdict) => {
                let (done, back) = self.writing.take().unwrap_or_default();
                self.resting.insert(Step::Write);
                if verdict == Verdict::Outage || done.is_empty() {
                    self.keep(done, back);
                } else {
                    self.isolate(done, back, &mut actions);
                }
            }
            Input::WriteAgain(id) => self.alone.push_back(id),
            Input::Rested(step) => drop(self.resting.remove(&step)),
        }
        self.write(&mut actions);
        self.claim(&mut actions);
        actions
    }

    /// Claimed and not yet written.
    pub fn held(&self) -> Vec<i64> {
        self.in_flight.iter().copied().collect()
    }

    /// True when nothing is held, claimed or written.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.claiming.is_none()
    }

    fn keep(&mut self, done: Vec<i64>, mut back: Vec<i64>) {
        let (faulty, good): (Vec<i64>, Vec<i64>) =
            done.into_iter().partition(|id| self.faults.contains_key(id));
        self.alone.extend(faulty);
        self.performed.extend(good);
        self.retried.append(&mut back);
    }

    /// One result that cannot be saved must not hold up the others.
    fn isolate(&mut self, done: Vec<i64>, mut back: Vec<i64>, actions: &mut Vec<Action>) {
        if let (&[id], []) = (&done[..], &back[..]) {
            let failures = self.faults.entry(id).or_default();
            *failures = failures.saturating_add(1);
            actions.push(Action::WriteLater { id, failures: *failures });
        } else {
            self.alone.extend(done);
            self.retried.append(&mut back);
        }
    }

    fn write(&mut self, actions: &mut Vec<Action>) {
        if self.writing.is_some() || self.resting.contains(&Step::Write) {
            return;
        }
        if let Some(id) = self.alone.pop_front() {
            self.resting.insert(Step::Write);
            self.writing = Some((vec![id], Vec::new()));
            actions.push(Action::Write { conclude: vec![id], put_back: Vec::new() });
            return;
        }
        if self.performed.is_empty() && self.retried.is_empty() {
            return;
        }
        let batch = |from: &mut Vec<i64>, max: usize| from.drain(..from.len().min(max)).collect::<Vec<_>>();
        let conclude = batch(&mut self.performed, self.batch_max);
        let put_back = batch(&mut self.retried, self.batch_max);
        self.resting.insert(Step::Write);
        self.writing = Some((conclude.clone(), put_back.clone()));
        actions.push(Action::Write { conclude, put_back });
    }

    fn claim(&mut self, actions: &mut Vec<Action>) {
        let free = self.calls_max.saturating_sub(self.in_flight.len());
        let may = self.claiming.is_none() && !self.resting.contains(&Step::Claim);
        if self.hungry && may && free > 0 {
            self.resting.insert(Step::Claim);
            self.hungry = false;
            self.claiming = Some(free);
            actions.push(Action::Claim { limit: free, without: self.held() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A claim is done, and the rest after it.
    fn claimed(intents: &mut Intents, ids: Vec<i64>) -> Vec<Action> {
        let mut actions = intents.step(Input::Claimed(ids));
        actions.extend(intents.step(Input::Rested(Step::Claim)));
        actions
    }

    /// A write is done, or not, and the rest after it.
    fn wrote(intents: &mut Intents, input: Input) -> Vec<Action> {
        let mut actions = intents.step(input);
        actions.extend(intents.step(Input::Rested(Step::Write)));
        actions
    }

    fn conclude(ids: &[i64]) -> Action {
        Action::Write { conclude: ids.to_vec(), put_back: vec![] }
    }

    #[test]
    fn calls_are_bounded_and_results_are_written_in_batches() {
        let mut intents = Intents::new(2, 10);
        assert_eq!(intents.step(Input::Woken), [Action::Claim { limit: 2, without: vec![] }]);
        assert_eq!(claimed(&mut intents, vec![1, 2]), [Action::Perform(1), Action::Perform(2)]);
        assert_eq!(intents.step(Input::Woken), []);
        assert_eq!(intents.step(Input::Performed(1)), [conclude(&[1])]);
        assert_eq!(intents.step(Input::Retry(2)), [], "one transaction at a time");
        assert_eq!(intents.step(Input::Written), [Action::Claim { limit: 1, without: vec![2] }]);
        let put_back = Action::Write { conclude: vec![], put_back: vec![2] };
        assert_eq!(intents.step(Input::Rested(Step::Write)), [put_back]);
        claimed(&mut intents, vec![]);
        wrote(&mut intents, Input::Written);
        claimed(&mut intents, vec![]);
        assert!(intents.is_idle());
    }

    #[test]
    fn what_comes_while_it_rests_shares_the_next_claim_and_the_next_write() {
        let mut intents = Intents::new(4, 10);
        intents.step(Input::Woken);
        intents.step(Input::Claimed(vec![1, 2, 3]));
        assert_eq!([intents.step(Input::Woken), intents.step(Input::Woken)], [vec![], vec![]]);
        let claim = Action::Claim { limit: 1, without: vec![1, 2, 3] };
        assert_eq!(intents.step(Input::Rested(Step::Claim)), [claim]);
        assert_eq!(intents.step(Input::Performed(1)), [conclude(&[1])]);
        intents.step(Input::Written);
        assert_eq!([intents.step(Input::Performed(2)), intents.step(Input::Performed(3))], [vec![], vec![]]);
        assert_eq!(intents.step(Input::Rested(Step::Write)), [conclude(&[2, 3])]);
    }

    #[test]
    fn a_result_that_could_not_be_written_is_kept_and_written_after_the_wait() {
        let mut intents = Intents::new(2, 10);
        intents.step(Input::Woken);
        claimed(&mut intents, vec![1]);
        intents.step(Input::Performed(1));
        assert_eq!(intents.step(Input::WriteFailed(Verdict::Outage)), []);
        let actions = intents.step(Input::Woken);
        assert!(!actions.contains(&conclude(&[1])), "not before the wait is over: {actions:?}");
        assert_eq!(intents.step(Input::Rested(Step::Write)), [conclude(&[1])]);
    }

    #[test]
    fn a_result_that_cannot_be_saved_does_not_hold_up_the_others_and_is_tried_again_alone() {
        let mut intents = Intents::new(4, 10);
        intents.step(Input::Woken);
        intents.step(Input::Claimed(vec![1, 2, 3]));
        intents.step(Input::Performed(3)); // is being written while the others come in
        intents.step(Input::Performed(1));
        intents.step(Input::Performed(2));
        wrote(&mut intents, Input::Written);
        assert_eq!(wrote(&mut intents, Input::WriteFailed(Verdict::Fault)), [conclude(&[1])]);
        let later = |failures| Action::WriteLater { id: 1, failures };
        assert_eq!(wrote(&mut intents, Input::WriteFailed(Verdict::Fault)), [later(1), conclude(&[2])]);
        wrote(&mut intents, Input::Written);
        assert_eq!(intents.held(), [1]);
        assert_eq!(intents.step(Input::WriteAgain(1)), [conclude(&[1])]);
        assert_eq!(wrote(&mut intents, Input::WriteFailed(Verdict::Fault)), [later(2)]);
        intents.step(Input::WriteAgain(1));
        wrote(&mut intents, Input::Written);
        assert_eq!(intents.held(), [0; 0]);
    }
}
