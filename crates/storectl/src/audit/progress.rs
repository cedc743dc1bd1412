//! How far a fold is, on standard error.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fold::Progress;

use crate::dead_letters::Service;

/// One line, written again and again where somebody watches, now and then where not.
pub(crate) struct Bar {
    begun: Instant,
    state: Mutex<State>,
    every: Duration,
    is_watched: bool,
}

struct State {
    told: Instant,
    of: BTreeMap<&'static str, Progress>,
}

const WIDTH: u64 = 30;

impl Bar {
    pub(crate) fn new() -> Self {
        let (begun, is_watched) = (Instant::now(), stderr().is_terminal());
        let every = if is_watched { Duration::from_millis(200) } else { Duration::from_secs(5) };
        Self { begun, state: Mutex::new(State { told: begun, of: BTreeMap::new() }), every, is_watched }
    }

    /// Takes note, and tells when it is time.
    pub(crate) fn tell(&self, service: Service, progress: Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.of.insert(service.name(), progress);
        if state.told.elapsed() < self.every {
            return;
        }
        state.told = Instant::now();
        let sum = |of: fn(&Progress) -> u64| state.of.values().map(of).sum::<u64>();
        let line = line(sum(|one| one.records), sum(|one| one.all), self.begun.elapsed());
        let _ = if self.is_watched { write!(stderr(), "\r{line}   ") } else { writeln!(stderr(), "{line}") };
    }

    /// Makes room for the answer.
    pub(crate) fn clear(&self) {
        if self.is_watched {
            let _ = write!(stderr(), "\r{:110}\r", "");
        }
    }
}

fn line(records: u64, all: u64, took: Duration) -> String {
    let all = all.max(records).max(1);
    let rate = u128::from(records) * 1_000 / took.as_millis().max(1);
    let left = u128::from(all - records).checked_div(rate).unwrap_or(0);
    let full = usize::try_from(records * WIDTH / all).unwrap_or(0);
    let bar: String = "#".repeat(full);
    format!("[{bar:<30}] {:>3} %  {records} of {all} records, {rate}/s, {left} s left", records * 100 / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let told = line(50_000, 100_000, Duration::from_secs(2));
        assert_eq!(
            told,
            "[###############               ]  50 %  50000 of 100000 records, 25000/s, 2 s left"
        );
        assert!(line(0, 0, Duration::ZERO).ends_with("0 of 1 records, 0/s, 0 s left"));
    }
}
