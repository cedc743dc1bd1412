//! Every history of a small scope: all states that can be reached from its beginning, each visited once.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

use crate::verdict;
use crate::world::{Plan, Step, World};

/// What was visited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visited {
    /// States.
    pub states: usize,
    /// Steps from one to another.
    pub steps: usize,
    /// Ends: states where nothing is left to do.
    pub ends: usize,
    /// The first history that is wrong, and what is.
    pub wrong: Option<(Vec<String>, Vec<String>)>,
}

/// States are told apart by a hash of 64 bits: of a million states, two that differ are taken for one with a chance of
/// 1 in 30 million.
struct Fingerprint(DefaultHasher);

impl fmt::Write for Fingerprint {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// Visits everything, up to the first history that is wrong. `may` says which faults belong to the scope.
pub fn visit(plan: Plan, may: impl Fn(&World, &Step) -> bool) -> Visited {
    let mut search = Search { seen: HashSet::new(), visited: Visited::default(), path: Vec::new(), may };
    search.from(World::new(plan));
    search.visited
}

struct Search<F> {
    seen: HashSet<u64>,
    visited: Visited,
    path: Vec<String>,
    may: F,
}

impl<F: Fn(&World, &Step) -> bool> Search<F> {
    fn from(&mut self, world: World) {
        let mut stack = vec![(world, Vec::<(Step, bool)>::new(), true)];
        while let Some((world, steps, fresh)) = stack.last_mut() {
            if *fresh {
                *fresh = false;
                if !self.is_new(world) {
                    stack.pop();
                    self.path.pop();
                    continue;
                }
                let ordinary = world.ordinary();
                if ordinary.is_empty() {
                    self.visited.ends += 1;
                    let wrong = verdict::wrong(world);
                    if !wrong.is_empty() {
                        return self.found(wrong);
                    }
                }
                let faults = world.faults();
                let faults = faults.into_iter().filter(|step| (self.may)(world, step));
                *steps = ordinary.into_iter().map(|step| (step, false)).collect();
                steps.extend(faults.map(|step| (step, true)));
            }
            let Some((step, fault)) = steps.pop() else {
                stack.pop();
                self.path.pop();
                continue;
            };
            let mut next = world.clone();
            self.path.push(next.tell(&step));
            next.faults_left -= usize::from(fault);
            self.visited.steps += 1;
            if let Err(broken) = next.step(&step) {
                return self.found(vec![broken]);
            }
            stack.push((next, Vec::new(), true));
        }
    }

    fn is_new(&mut self, world: &World) -> bool {
        let mut fingerprint = Fingerprint(DefaultHasher::new());
        let _written = world.write_state(&mut fingerprint);
        let new = self.seen.insert(fingerprint.0.finish());
        self.visited.states += usize::from(new);
        new
    }

    fn found(&mut self, wrong: Vec<String>) {
        self.visited.wrong = Some((self.path.clone(), wrong));
    }
}
