//! The number of an event among those of its topic and key: 1, 2, 3… (`ce_sequence`).

use serde::{Deserialize, Serialize};

/// How many events of one topic and key there are so far; the writer keeps it in the aggregate's row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub i64);

impl Sequence {
    /// The next event's number; counts it.
    pub fn advance(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

/// The last number a reader has had of one topic and key: recognises a repeat long after the inbox forgot the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seen(pub i64);

/// What an arriving number means to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The one after the last.
    Next,
    /// Had already: drop it.
    Repeat,
    /// Some before it never came: take it, and report the gap.
    Gap,
}

impl Seen {
    /// Judges `sequence` and remembers the highest. A record without a number (0) is always taken.
    pub fn observe(&mut self, sequence: i64) -> Arrival {
        let arrival = match sequence {
            0 => return Arrival::Next,
            n if n <= self.0 => return Arrival::Repeat,
            n if n == self.0 + 1 => Arrival::Next,
            _ => Arrival::Gap,
        };
        self.0 = sequence;
        arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_and_gaps_are_told_apart() {
        let mut seen = Seen::default();
        assert_eq!([1, 2, 2, 1, 5, 4].map(|n| seen.observe(n)), {
            use Arrival::{Gap, Next, Repeat};
            [Next, Next, Repeat, Repeat, Gap, Repeat]
        });
    }
}
