//! Every history of a small scope: all states that can be reached from its beginning, each visited once.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use crate::act::{Act, Fate, Scope};
use crate::verdict;
use crate::world::{Plan, Step, Wish, World};

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
    visit_with(plan, may, |_| {})
}

/// The same, and shows every end.
pub(crate) fn visit_with(
    plan: Plan,
    may: impl Fn(&World, &Step) -> bool,
    see: impl FnMut(&World),
) -> Visited {
    let mut search = Search { seen: HashSet::new(), visited: Visited::default(), path: Vec::new(), may, see };
    search.from(World::new(plan));
    search.visited
}

struct Search<F, S> {
    seen: HashSet<u64>,
    visited: Visited,
    path: Vec<String>,
    may: F,
    see: S,
}

/// A state on the way, and what is not tried of it yet.
struct Level {
    world: World,
    parts: Parts,
    steps: Vec<(Step, bool)>,
}

/// A hash of each part of a world: most steps change one or two, and the others need not be looked at again.
#[derive(Clone, Copy, Default)]
struct Parts([u64; 7]);

impl<F: Fn(&World, &Step) -> bool, S: FnMut(&World)> Search<F, S> {
    fn from(&mut self, world: World) {
        let mut levels: Vec<Level> = Vec::new();
        let parts = Parts::default().after(&world, None);
        let mut next = Some((world, parts));
        loop {
            if let Some((world, parts)) = next.take() {
                if self.seen.insert(parts.whole()) {
                    self.visited.states += 1;
                    let steps = self.steps(&world);
                    let rests = !steps.iter().any(|(_, fault)| !fault);
                    if rests && !self.ends_well(&world) {
                        return;
                    }
                    levels.push(Level { world, parts, steps });
                } else {
                    self.path.pop();
                }
            }
            let Some(level) = levels.last_mut() else { return };
            let Some((step, fault)) = level.steps.pop() else {
                levels.pop();
                self.path.pop();
                continue;
            };
            let mut world = level.world.clone();
            self.path.push(world.tell(&step));
            world.faults_left -= usize::from(fault);
            self.visited.steps += 1;
            if let Err(broken) = world.step(&step) {
                return self.found(vec![broken]);
            }
            let parts = level.parts.after(&world, Some(&level.world));
            next = Some((world, parts));
        }
    }

    /// Which steps are tried. Two reductions leave out orders of steps that come to the same:
    ///
    /// - What a service does for itself is done at once, with the faults it may meet: nobody sees whether it was done earlier or
    ///   later, only what the others do with it, and that is a step of theirs.
    /// - Nobody reads what email writes, so it works when all others are done: it then meets its records in every way it could
    ///   have met them before.
    fn steps(&self, world: &World) -> Vec<(Step, bool)> {
        let mut ordinary = world.ordinary();
        if ordinary.iter().any(|step| service(step) != EMAIL) {
            ordinary.retain(|step| service(step) != EMAIL);
        }
        let mut faults = world.faults();
        if let Some(own) = ordinary.iter().position(|step| is_its_own(step, &ordinary)) {
            let own = ordinary.swap_remove(own);
            faults.retain(|fault| service(fault) == service(&own));
            ordinary = vec![own];
        } else if ordinary.iter().any(|step| service(step) != EMAIL) {
            faults.retain(|fault| service(fault) != EMAIL);
        }
        faults.retain(|fault| (self.may)(world, fault));
        let ordinary = ordinary.into_iter().map(|step| (step, false));
        ordinary.chain(faults.into_iter().map(|step| (step, true))).collect()
    }

    fn ends_well(&mut self, world: &World) -> bool {
        self.visited.ends += 1;
        (self.see)(world);
        let wrong = verdict::wrong(world);
        let well = wrong.is_empty();
        if !well {
            self.found(wrong);
        }
        well
    }

    fn found(&mut self, wrong: Vec<String>) {
        self.visited.wrong = Some((self.path.clone(), wrong));
    }
}

const EMAIL: Option<usize> = Some(3);

fn service(step: &Step) -> Option<usize> {
    match step {
        Step::Service(number, ..) => Some(*number),
        _ => None,
    }
}

/// What a service does for itself. Sending a row is, too, where no other row of the service is on its way: then the order of
/// the log does not depend on it.
fn is_its_own(step: &Step, all: &[Step]) -> bool {
    let sends = |step: &Step| matches!(step, Step::Service(_, _, Act::Publish(..)));
    match step {
        Step::Service(_, _, Act::Publish(..)) => {
            all.iter().filter(|other| sends(other) && service(other) == service(step)).count() == 1
        }
        Step::Service(_, _, act) => matches!(
            act,
            Act::Lease | Act::Exchange(_) | Act::Unblock | Act::Start | Act::RunOut(_) | Act::RunOutIntent(_)
        ),
        _ => false,
    }
}

impl Parts {
    /// Of a world that came out of another one.
    fn after(self, world: &World, before: Option<&World>) -> Self {
        let Self(mut parts) = self;
        macro_rules! look {
            ($($number:literal: $part:ident),*) => {$(
                if before.is_none_or(|before| !Arc::ptr_eq(&before.$part, &world.$part)) {
                    parts[$number] = hash(&*world.$part);
                }
            )*};
        }
        look!(0: order, 1: inventory, 2: billing, 3: email, 4: log, 5: outside);
        parts[6] = hash(&(&world.placed, &world.late, world.faults_left, world.counted));
        Self(parts)
    }

    fn whole(self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }
}

fn hash(part: &impl fmt::Debug) -> u64 {
    let mut fingerprint = Fingerprint(DefaultHasher::new());
    let _written = write!(fingerprint, "{part:?}");
    fingerprint.0.finish()
}

/// Scopes that are small enough to visit all of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Small {
    /// One order, at most two records sent again, at most one instance killed.
    OneOrder,
    /// Two orders for the one piece there is.
    TwoOrders,
    /// One order, cancelled by its customer at any moment, or overdue, with one record sent again.
    Cancelled,
    /// One order whose money can be held and not taken, with one instance killed.
    CaptureFails,
}

impl Small {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::OneOrder, Self::TwoOrders, Self::Cancelled, Self::CaptureFails];

    /// How it begins, and the faults it has.
    pub fn scope(self) -> (Plan, fn(&World, &Step) -> bool) {
        let wish = |token| Wish { lines: vec![(0, 1)], token };
        let plan = |wishes, faults_max| Plan {
            shelves: vec![1],
            wishes,
            instances: 1,
            customer_known: true,
            faults_max,
            scope: Scope { batches: false, zombies: false },
            time: false,
        };
        match self {
            Self::OneOrder => (plan(vec![wish("tok_ok")], 3), |world, step| match step {
                Step::Service(_, _, Act::Publish(_, Fate::AnswerLost)) => world.counted.repeats < 2,
                Step::Service(_, _, Act::Crash) => world.counted.crashes < 1,
                _ => false,
            }),
            Self::TwoOrders => (plan(vec![wish("tok_ok"), wish("tok_ok")], 0), |_, _| false),
            Self::Cancelled => (plan(vec![wish("tok_ok")], 2), |world, step| match step {
                Step::Service(_, _, Act::Publish(_, Fate::AnswerLost)) => world.counted.repeats < 1,
                Step::Cancel(..) | Step::Hour => true,
                _ => false,
            }),
            Self::CaptureFails => (plan(vec![wish("tok_capture_fails")], 1), |_, step| {
                matches!(step, Step::Service(_, _, Act::Crash))
            }),
        }
    }
}

impl fmt::Display for Small {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneOrder => "one order, up to two repeats and a crash",
            Self::TwoOrders => "two orders for one piece",
            Self::Cancelled => "one order, cancelled or overdue at any moment, a repeat",
            Self::CaptureFails => "one order whose money cannot be taken, a crash",
        })
    }
}
