//! When intents are claimed, carried out and concluded. Bounded calls at a time; results are written in batches.

use std::collections::BTreeSet;

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
    WriteFailed,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Claim up to so many.
    Claim(usize),
    /// Make the call of this one.
    Perform(i64),
    /// Write what came of these: results, and those put back for later.
    Write {
        /// With a result.
        conclude: Vec<i64>,
        /// To be tried again.
        put_back: Vec<i64>,
    },
}

/// The intent worker of one instance.
#[derive(Debug)]
pub struct Intents {
    in_flight: BTreeSet<i64>,
    performed: Vec<i64>,
    retried: Vec<i64>,
    writing: Option<(Vec<i64>, Vec<i64>)>,
    claiming: Option<usize>,
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
            writing: None,
            claiming: None,
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
            Input::ClaimFailed => self.claiming = None, // the executor waits, then says `Woken`
            Input::Performed(id) => self.performed.push(id),
            Input::Retry(id) => self.retried.push(id),
            Input::Written => {
                for id in
                    self.writing.take().into_iter().flat_map(|(done, back)| done.into_iter().chain(back))
                {
                    self.in_flight.remove(&id);
                }
                self.hungry = true; // the next of the same key may be free now
            }
            Input::WriteFailed => {
                if let Some((mut done, mut back)) = self.writing.take() {
                    self.performed.append(&mut done);
                    self.retried.append(&mut back);
                }
                return actions; // the executor waits, then says `Woken`
            }
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

    fn write(&mut self, actions: &mut Vec<Action>) {
        if self.writing.is_some() || (self.performed.is_empty() && self.retried.is_empty()) {
            return;
        }
        let batch = |from: &mut Vec<i64>, max: usize| from.drain(..from.len().min(max)).collect::<Vec<_>>();
        let conclude = batch(&mut self.performed, self.batch_max);
        let put_back = batch(&mut self.retried, self.batch_max);
        self.writing = Some((conclude.clone(), put_back.clone()));
        actions.push(Action::Write { conclude, put_back });
    }

    fn claim(&mut self, actions: &mut Vec<Action>) {
        let free = self.calls_max.saturating_sub(self.in_flight.len());
        if self.hungry && self.claiming.is_none() && free > 0 {
            self.hungry = false;
            self.claiming = Some(free);
            actions.push(Action::Claim(free));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_bounded_and_results_are_written_in_batches() {
        let mut intents = Intents::new(2, 10);
        assert_eq!(intents.step(Input::Woken), [Action::Claim(2)]);
        assert_eq!(intents.step(Input::Claimed(vec![1, 2])), [Action::Perform(1), Action::Perform(2)]);
        assert_eq!(intents.step(Input::Woken), []);
        let first = Action::Write { conclude: vec![1], put_back: vec![] };
        assert_eq!(intents.step(Input::Performed(1)), [first]);
        assert_eq!(intents.step(Input::Retry(2)), [], "one transaction at a time");
        let actions = intents.step(Input::Written);
        assert_eq!(actions, [Action::Write { conclude: vec![], put_back: vec![2] }, Action::Claim(1)]);
        intents.step(Input::Claimed(vec![]));
        intents.step(Input::Written);
        intents.step(Input::Claimed(vec![]));
        assert!(intents.is_idle());
    }

    #[test]
    fn a_result_that_could_not_be_written_is_kept() {
        let mut intents = Intents::new(2, 10);
        intents.step(Input::Woken);
        intents.step(Input::Claimed(vec![1]));
        intents.step(Input::Performed(1));
        assert_eq!(intents.step(Input::WriteFailed), []);
        let actions = intents.step(Input::Woken);
        assert!(actions.contains(&Action::Write { conclude: vec![1], put_back: vec![] }), "{actions:?}");
    }
}
