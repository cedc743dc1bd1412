//! One history: from a plan and choices to the end, and what was wrong with it. A wrong one is shrunk by making its tape of
//! choices shorter and plainer for as long as it stays wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use events::CancelReason;
use order::domain::Status;

use crate::act::Scope;
use crate::choices::Choices;
use crate::verdict;
use crate::world::{Plan, Step, Wish, World};

/// More steps than any history needs that comes to an end.
const STEPS_MAX: usize = 2_000;
/// Choices a plan takes.
const PLAN_CHOICES: usize = 20;
/// Chance of a fault at each step, while there may be more.
const FAULT_CHANCE: f64 = 0.12;

/// A history that is over.
#[derive(Clone, Debug)]
pub struct History {
    /// The choices that make it again.
    pub tape: Vec<usize>,
    /// Steps.
    pub steps: usize,
    /// Orders that were placed.
    pub orders: usize,
    /// Steps that went wrong.
    pub faults: usize,
    /// Records that were dropped for being known.
    pub duplicates: usize,
    /// What became of its orders.
    pub ends: Vec<&'static str>,
    /// What is wrong; nothing, if all is well.
    pub wrong: Vec<String>,
}

/// A history, told step by step.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its plan.
    pub plan: Plan,
    /// Its steps in words; those that went wrong are marked.
    pub steps: Vec<(bool, String)>,
    /// What is wrong.
    pub wrong: Vec<String>,
    /// The choices that make it again.
    pub tape: Vec<usize>,
}

/// The history of a seed.
pub fn of_seed(seed: u64) -> History {
    run(&mut Choices::seed(seed), |_, _, _| {})
}

/// The history of a tape.
pub fn of_tape(tape: Vec<usize>) -> History {
    run(&mut Choices::tape(tape), |_, _, _| {})
}

/// The same, step by step.
pub fn tell(tape: Vec<usize>) -> Told {
    let mut choices = Choices::tape(tape);
    let mut steps = Vec::new();
    let mut plan = None;
    let history = run(&mut choices, |world, step, fault| {
        plan.get_or_insert_with(|| world.plan().clone());
        steps.push((fault, world.tell(step)));
    });
    let plan = plan.unwrap_or_else(|| self::plan(&mut Choices::tape(history.tape.clone())));
    Told { plan, steps, wrong: history.wrong, tape: history.tape }
}

fn run(choices: &mut Choices, mut before: impl FnMut(&World, &Step, bool)) -> History {
    let plan = plan(choices);
    let mut world = World::new(plan);
    let mut steps = 0;
    let wrong = loop {
        let ordinary = world.ordinary();
        if ordinary.is_empty() {
            break verdict::wrong(&world);
        }
        if steps == STEPS_MAX {
            break vec![format!("after {STEPS_MAX} steps it has not come to rest")];
        }
        steps += 1;
        let (step, fault) = choose(&world, ordinary, choices);
        before(&world, &step, fault);
        world.faults_left -= usize::from(fault);
        if let Err(broken) = world.step(&step) {
            break vec![broken];
        }
    };
    let services = [world.order.duplicates.0, world.inventory.duplicates.0, world.billing.duplicates.0];
    History {
        tape: choices.taken().to_vec(),
        steps,
        orders: world.placed.len(),
        faults: world.plan().faults_max - world.faults_left,
        duplicates: services.iter().sum::<usize>() + world.email.duplicates.0,
        ends: world.order.tables.by_id.values().map(|order| end(order.status())).collect(),
        wrong,
    }
}

fn end(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Confirmed => "confirmed",
        Status::Cancelled(CancelReason::OutOfStock) => "out of stock",
        Status::Cancelled(CancelReason::PaymentDeclined) => "declined",
        Status::Cancelled(CancelReason::CaptureFailed) => "not to be captured",
        Status::Cancelled(CancelReason::TimedOut) => "timed out",
        Status::Cancelled(CancelReason::CustomerRequest) => "cancelled by the customer",
        Status::Cancelled(CancelReason::Unknown) => "cancelled",
    }
}

fn choose(world: &World, mut ordinary: Vec<Step>, choices: &mut Choices) -> (Step, bool) {
    let regular = ordinary.len();
    if !choices.is_fault(world.faults_left > 0, regular, FAULT_CHANCE) {
        return (ordinary.swap_remove(choices.from(0, regular)), false);
    }
    let mut faults = world.faults();
    let choice = choices.from(regular, regular + faults.len());
    (faults.swap_remove(choice - regular), true)
}

/// What a history begins with; the first choices are the plainest.
fn plan(choices: &mut Choices) -> Plan {
    const TOKENS: [&str; 4] = ["tok_ok", "tok_ok", "tok_declined", "tok_capture_fails"];
    let (products, orders) = (1 + choices.of(2), 1 + choices.of(3));
    // The same number of choices for every plan: a shrunk one leaves those behind it where they are.
    let mut wish = || {
        let (product, second, pieces) = (choices.of(2), choices.of(2), choices.of(2));
        let mut lines = vec![(product.min(products - 1), if pieces == 1 { 2 } else { 1 })];
        if products > 1 && second == 1 {
            lines.push((1 - product, 1));
        }
        Wish { lines, token: TOKENS[choices.of(TOKENS.len())] }
    };
    let mut wishes: Vec<Wish> = (0..3).map(|_| wish()).collect();
    wishes.truncate(orders);
    let mut shelves: Vec<i64> = (0..2).map(|_| [4, 1, 2, 9][choices.of(4)]).collect();
    shelves.truncate(products);
    let instances = 1 + choices.of(2);
    let customer_known = choices.of(4) != 3;
    let faults_max = choices.of(9);
    let batches = choices.of(2) == 1;
    let scope = Scope { batches, zombies: true };
    Plan { shelves, wishes, instances, customer_known, faults_max, scope, time: true }
}

/// Whether it did not end well.
pub fn is_wrong(history: &History) -> bool {
    !history.wrong.is_empty()
}

/// The shortest history found that still is as `wanted`, which the one of this tape is.
pub fn shrink(tape: Vec<usize>, wanted: impl Fn(&History) -> bool) -> Vec<usize> {
    let mut shrinking = Shrinking { best: of_tape(tape), wanted };
    shrinking.one_step();
    loop {
        let before = shrinking.best.tape.clone();
        shrinking.shorten();
        shrinking.flatten();
        if shrinking.best.tape == before {
            return before;
        }
    }
}

struct Shrinking<F> {
    best: History,
    wanted: F,
}

impl<F: Fn(&History) -> bool> Shrinking<F> {
    /// A simpler history takes the place of the best.
    fn is_better(&mut self, tape: Vec<usize>) -> bool {
        let history = of_tape(tape);
        let better = history.plainness() < self.best.plainness() && (self.wanted)(&history);
        if better {
            self.best = history;
        }
        better
    }

    /// Most faults show in a history that is quiet but for one step: each step is tried, with everything it can be.
    fn one_step(&mut self) {
        let mut at = PLAN_CHOICES;
        while at < self.best.tape.len() {
            for value in 1.. {
                let mut tape = self.best.tape[..PLAN_CHOICES].to_vec();
                tape.resize(at, 0);
                tape.push(value);
                let history = of_tape(tape);
                if history.tape.get(at) != Some(&value) {
                    break; // there were no more
                }
                if (self.wanted)(&history) {
                    self.best = history;
                    return;
                }
            }
            at += 1;
        }
    }

    fn shorten(&mut self) {
        for length in [32, 8, 3, 1] {
            let mut at = 0;
            while at < self.best.tape.len() {
                let mut tape = self.best.tape.clone();
                tape.drain(at..(at + length).min(tape.len()));
                if !self.is_better(tape) {
                    at += length;
                }
            }
        }
    }

    /// Plainer choices, with what follows them, or with a quiet day from there on.
    fn flatten(&mut self) {
        let mut at = 0;
        while at < self.best.tape.len() {
            let mut quiet = self.best.tape.clone();
            quiet.truncate(at);
            self.is_better(quiet);
            for value in 0..self.best.tape.get(at).copied().unwrap_or(0) {
                let mut tape = self.best.tape.clone();
                tape[at] = value;
                let mut quiet = tape.clone();
                quiet.truncate(at + 1);
                if self.is_better(quiet) || self.is_better(tape) {
                    break;
                }
            }
            at += 1;
        }
    }
}

impl History {
    /// Few faults first, then few orders, few steps, and plain choices.
    fn plainness(&self) -> (usize, usize, usize, &[usize]) {
        (self.faults, self.orders, self.steps, &self.tape)
    }
}

/// Histories together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many.
    pub histories: u64,
    /// Their orders.
    pub orders: usize,
    /// Their steps.
    pub steps: usize,
    /// Steps that went wrong.
    pub faults: usize,
    /// Records that were dropped for being known.
    pub duplicates: usize,
    /// What became of the orders: how many of each.
    pub ends: BTreeMap<&'static str, usize>,
}

impl Tally {
    /// One more.
    pub fn add(&mut self, history: &History) {
        self.histories += 1;
        self.orders += history.orders;
        self.steps += history.steps;
        self.faults += history.faults;
        self.duplicates += history.duplicates;
        for end in &history.ends {
            *self.ends.entry(end).or_default() += 1;
        }
    }

    /// Orders in a second, of so long a run.
    pub fn orders_per_second(&self, took: Duration) -> f64 {
        f64::from(u32::try_from(self.orders).unwrap_or(u32::MAX)) / took.as_secs_f64()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { histories, orders, steps, faults, duplicates, ends } = self;
        write!(
            f,
            "{histories} histories, all well: {orders} orders, {steps} steps, {faults} faults, {duplicates} duplicates dropped; "
        )?;
        let ends: Vec<String> = ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
        f.write_str(&ends.join(", "))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { shelves, wishes, instances, customer_known, .. } = &self.plan;
        writeln!(
            f,
            "  on the shelves {shelves:?}, {instances} of each service, the customer known to email: {customer_known}"
        )?;
        for (number, Wish { lines, token }) in wishes.iter().enumerate() {
            let lines: Vec<String> = lines.iter().map(|(sku, pieces)| format!("{pieces} x P{sku}")).collect();
            writeln!(f, "  order {number}: {}, {token}", lines.join(" and "))?;
        }
        for (number, (fault, step)) in self.steps.iter().enumerate() {
            writeln!(f, "  {number:>4} {} {step}", if *fault { "!" } else { " " })?;
        }
        for wrong in &self.wrong {
            writeln!(f, "  WRONG: {wrong}")?;
        }
        let tape: Vec<String> = self.tape.iter().map(ToString::to_string).collect();
        write!(f, "  again: make simulate TAPE={}", tape.join(","))
    }
}
