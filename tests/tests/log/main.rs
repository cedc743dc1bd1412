//! Any bytes at all on the log, through everything of a consumer that is pure: reading the record, its headers and key, the fate
//! of each record of a batch, and the decision of each service that reads the topic. Never a panic, always a verdict of
//! `docs/poison.md`. `CASES=1000000 make fuzz-log` does more of it, and prints what it came to.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod forge;
mod reading;

use std::cell::RefCell;

use proptest::prelude::ProptestConfig;
use proptest::test_runner::TestRunner;

use reading::{Tally, Verdict};

/// Records of the run that is part of all tests.
const QUICK: u32 = 10_000;
const BATCH: u32 = 2;
/// What the largest record may cost, many times over. A length of four bytes that is believed costs twice as much.
const MEMORY_KB_MAX: u64 = 64 * 1024;

#[test]
fn whatever_is_on_the_log_comes_to_a_documented_verdict_and_nothing_panics() {
    let cases = std::env::var("CASES").map_or(QUICK, |cases| cases.parse().expect("CASES is a number"));
    let config = ProptestConfig {
        cases: cases.div_ceil(BATCH),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let (tally, before) = (RefCell::new(Tally::default()), memory_kb());
    let result = TestRunner::new(config).run(&forge::batch(BATCH as usize), |batch| {
        tally.borrow_mut().read(&batch);
        Ok(())
    });
    let tally = tally.into_inner();
    print!("{tally}");
    result.unwrap();
    assert_eq!(tally.of(Verdict::Panicked), 0);
    for verdict in Verdict::REACHED {
        assert!(tally.of(verdict) > 0, "nothing was {verdict:?}: the records no longer reach that far");
    }
    if let (Some(before), Some(after)) = (before, memory_kb()) {
        println!("{} KB of memory more than before, at most", after - before);
        assert!(after - before < MEMORY_KB_MAX);
    }
}

/// The most this process ever had, where the system says it. Of addresses: what is only reserved counts.
fn memory_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    line.split_whitespace().next()?.parse().ok()
}
