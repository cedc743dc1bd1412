//! What can happen to a service: on a quiet day, and otherwise.

use crate::log::{Log, Partition};
use crate::member::Member;
use crate::process::{Process, State};
use crate::service::Service;

/// What comes of a step that has an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is done, and who asked is told.
    Done,
    /// It is done, and nobody is told.
    AnswerLost,
    /// It is not done; who asked learns of a failure, or of nothing.
    Nothing,
    /// It is done some time later; who asked has given up.
    Late,
}

/// One step of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// An instance claims and renews shards of the outbox.
    Lease,
    /// The relay deletes what was acknowledged, and reads what is unsent.
    Exchange(Fate),
    /// A row is sent.
    Publish(i64, Fate),
    /// The relay tries the keys again that failed.
    Unblock,
    /// A batch of one or several partitions, in one transaction.
    Handle {
        /// The partitions.
        what: Vec<Partition>,
        /// Records of each at most.
        max: usize,
        /// What comes of it.
        fate: Fate,
    },
    /// The worker claims intents.
    Claim(Fate),
    /// The worker makes a call.
    Call(i64, Fate),
    /// The worker writes what came of its calls.
    Write(Fate),
    /// The worker tries to write a result again.
    WriteAgain(i64),
    /// The instance dies.
    Crash,
    /// It is started.
    Start,
    /// It stands still, and the others take over.
    Pause,
    /// It goes on where it was, and does not know.
    Resume,
    /// The broker gives a partition to another instance; the former one is not told.
    Rebalance(Partition, usize),
    /// The leases of an instance run out.
    RunOut(String),
    /// The lease of an intent runs out.
    RunOutIntent(i64),
    /// What a dead instance had sent arrives.
    Arrive(usize),
}

impl Act {
    /// What it is to the reader of a table.
    pub fn fate(&self) -> Option<Fate> {
        match self {
            Self::Exchange(fate)
            | Self::Publish(_, fate)
            | Self::Handle { fate, .. }
            | Self::Claim(fate)
            | Self::Call(_, fate)
            | Self::Write(fate) => Some(*fate),
            _ => None,
        }
    }
}

/// How much may happen at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Batches of several records and of several partitions, beside single records.
    pub batches: bool,
    /// Instances that stand still, leases that run out under those who hold them, and what the dead had sent.
    pub zombies: bool,
}

impl<M: Member> Service<M> {
    /// What happens on a quiet day, by instance.
    pub fn ordinary(&self, scope: Scope, log: &Log, steps: &mut Vec<(usize, Act)>) {
        for (number, process) in self.processes.iter().enumerate() {
            match process.state {
                State::Running => work(process, scope, log, |act| steps.push((number, act))),
                State::Paused => steps.push((number, Act::Resume)),
                State::Down => steps.push((number, Act::Start)),
            }
        }
        steps.extend(self.gone.iter().map(|name| (0, Act::RunOut(name.clone()))));
        steps.extend(self.orphans.iter().map(|id| (0, Act::RunOutIntent(*id))));
    }

    /// What can go wrong with the steps of a quiet day, and what can happen besides.
    pub fn faults(&self, scope: Scope, log: &Log, steps: &mut Vec<(usize, Act)>) {
        for (number, process) in self.processes.iter().enumerate() {
            if process.state != State::Running {
                continue;
            }
            work(process, scope, log, |act| go_wrong(&act, |bad| steps.push((number, bad))));
            steps.push((number, Act::Crash));
            if scope.zombies {
                steps.push((number, Act::Pause));
                steps.push((number, Act::RunOut(process.name.clone())));
                steps.extend(process.calls.held.keys().map(|id| (number, Act::RunOutIntent(*id))));
            }
        }
        if self.processes.len() > 1 {
            for (partition, owner) in &self.assigned {
                let runs = |to: &usize| *to != *owner && self.processes[*to].state == State::Running;
                let others = (0..self.processes.len()).filter(runs);
                steps.extend(others.map(|to| (to, Act::Rebalance(*partition, to))));
            }
        }
        steps.extend((0..self.wire.len()).map(|number| (0, Act::Arrive(number))));
    }
}

fn go_wrong(act: &Act, mut may: impl FnMut(Act)) {
    for fate in [Fate::AnswerLost, Fate::Nothing, Fate::Late] {
        match act {
            Act::Call(id, _) => may(Act::Call(*id, fate)),
            _ if fate == Fate::Late => {}
            Act::Exchange(_) => may(Act::Exchange(fate)),
            Act::Publish(row, _) => may(Act::Publish(*row, fate)),
            Act::Handle { what, max, .. } => may(Act::Handle { what: what.clone(), max: *max, fate }),
            Act::Claim(_) => may(Act::Claim(fate)),
            Act::Write(_) => may(Act::Write(fate)),
            _ => {}
        }
    }
}

/// What an instance that runs can do next, all going well.
fn work<O>(process: &Process<O>, scope: Scope, log: &Log, mut may: impl FnMut(Act)) {
    if process.leases_stale {
        may(Act::Lease);
    }
    if process.relay.exchange.is_some() {
        may(Act::Exchange(Fate::Done));
    }
    process.relay.in_flight.iter().for_each(|id| may(Act::Publish(*id, Fate::Done)));
    if process.relay.is_blocked() {
        may(Act::Unblock);
    }
    let mut ready = Vec::new();
    for (partition, reader) in &process.readers {
        let unread = log.end(*partition) - reader.next_offset();
        if unread <= 0 {
            continue;
        }
        may(Act::Handle { what: vec![*partition], max: 1, fate: Fate::Done });
        if scope.batches && unread > 1 {
            may(Act::Handle { what: vec![*partition], max: usize::MAX, fate: Fate::Done });
        }
        if !reader.attempt().apart {
            ready.push(*partition);
        }
    }
    if scope.batches && ready.len() > 1 {
        may(Act::Handle { what: ready, max: usize::MAX, fate: Fate::Done });
    }
    if process.calls.claim.is_some() {
        may(Act::Claim(Fate::Done));
    }
    process.calls.to_call.iter().for_each(|id| may(Act::Call(*id, Fate::Done)));
    if process.calls.write.is_some() {
        may(Act::Write(Fate::Done));
    }
    process.calls.later.iter().for_each(|id| may(Act::WriteAgain(*id)));
}
