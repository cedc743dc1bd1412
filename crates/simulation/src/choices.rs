//! Where a history takes its choices from: a seed, or a tape of choices made before. The same choices, the same history.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Makes choices and remembers them.
#[derive(Debug)]
pub struct Choices {
    source: Source,
    taken: Vec<usize>,
}

#[derive(Debug)]
enum Source {
    Seed(Box<StdRng>),
    /// When it is at its end, every choice is the first: what would happen on a quiet day.
    Tape(Vec<usize>),
}

impl Choices {
    /// Those of a seed.
    pub fn seed(seed: u64) -> Self {
        Self { source: Source::Seed(Box::new(StdRng::seed_from_u64(seed))), taken: Vec::new() }
    }

    /// Those that were made before, or a shorter form of them.
    pub fn tape(tape: Vec<usize>) -> Self {
        Self { source: Source::Tape(tape), taken: Vec::new() }
    }

    /// One of `0..count`.
    pub fn of(&mut self, count: usize) -> usize {
        self.from(0, count)
    }

    /// Whether a step is to go wrong, where it may, beside so many ordinary ones.
    pub fn is_fault(&mut self, may: bool, ordinary: usize, chance: f64) -> bool {
        let at = self.taken.len();
        match &mut self.source {
            Source::Seed(rng) => may && rng.random_bool(chance),
            Source::Tape(tape) => may && tape.get(at).is_some_and(|choice| *choice >= ordinary),
        }
    }

    /// One of `0..count`, from `least` on.
    pub fn from(&mut self, least: usize, count: usize) -> usize {
        let at = self.taken.len();
        let choice = match &mut self.source {
            Source::Seed(_) if count <= least + 1 => least,
            Source::Seed(rng) => rng.random_range(least..count),
            Source::Tape(tape) => tape.get(at).copied().unwrap_or(0).clamp(least, count.max(1) - 1),
        };
        self.taken.push(choice);
        choice
    }

    /// All that were made, as a tape.
    pub fn taken(&self) -> &[usize] {
        &self.taken
    }
}
