//! Instances die, stand still, come back, and take over from each other.

use super::Service;
use crate::log::{Log, Partition};
use crate::member::Member;
use crate::process::{Process, State};

impl<M: Member> Service<M> {
    pub(super) fn crash(&mut self, process: usize, arrives: bool, log: &Log) {
        let dead = &mut self.processes[process];
        dead.state = State::Down;
        let sent =
            dead.relay.in_flight.iter().filter(|_| arrives).filter_map(|id| dead.relay.rows.get(id).cloned());
        self.wire.extend(sent);
        let name = std::mem::take(&mut dead.name);
        *dead = Process { state: State::Down, ..Process::new(name.clone()) };
        self.gone.push(name);
        self.hand_over(process, log);
    }

    pub(super) fn pause(&mut self, process: usize, log: &Log) {
        self.processes[process].state = State::Paused;
        self.gone.push(self.processes[process].name.clone());
        self.hand_over(process, log);
    }

    pub(super) fn resume(&mut self, process: usize) {
        self.processes[process].state = State::Running;
        let name = &self.processes[process].name;
        self.gone.retain(|gone| gone != name);
    }

    /// The broker notices, and gives the partitions to another instance, if there is one.
    pub(super) fn hand_over(&mut self, process: usize, log: &Log) {
        let Some(other) = self.other(process) else { return };
        let its = self.assigned.iter().filter(|(_, owner)| **owner == process);
        let partitions: Vec<Partition> = its.map(|(partition, _)| *partition).collect();
        for partition in partitions {
            self.rebalance(partition, other, log);
        }
    }

    /// Whoever had it is not told.
    pub(super) fn rebalance(&mut self, partition: Partition, to: usize, log: &Log) {
        self.assigned.insert(partition, to);
        self.begin(to, partition, log.end(partition));
    }

    pub(super) fn start(&mut self, process: usize, log: &Log) {
        let name = self.next_name();
        self.processes[process] = Process::new(name);
        let runs = |number: usize| self.processes[number].state == State::Running;
        let idle = self.assigned.iter().filter(|(_, owner)| **owner == process || !runs(**owner));
        let partitions: Vec<Partition> = idle.map(|(partition, _)| *partition).collect();
        for partition in partitions {
            self.rebalance(partition, process, log);
        }
        self.processes.iter_mut().for_each(|process| process.leases_stale = true);
    }
}
