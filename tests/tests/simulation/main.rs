//! Histories of a store in memory: random ones from seeds, and every one of small scopes. `make simulate` plays more of them.
#![expect(clippy::print_stdout, reason = "what was covered is part of the result")]

use simulation::exhaustive::{Small, visit};
use simulation::history::{self, Tally, is_wrong};

const SEEDS: u64 = 20_000;

#[test]
fn twenty_thousand_random_histories_end_well() {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        let history = history::of_seed(seed);
        if is_wrong(&history) {
            let shortest = history::tell(history::shrink(history.tape, is_wrong));
            panic!("seed {seed} does not end well: {}\n{shortest}", history.wrong[0]);
        }
        tally.add(&history);
    }
    println!("{tally}");
    // A run that met none of these proves nothing about them.
    assert!(tally.faults > 0 && tally.duplicates > 0, "{tally}");
    for end in [
        "confirmed",
        "out of stock",
        "declined",
        "not to be captured",
        "timed out",
        "cancelled by the customer",
    ] {
        assert!(tally.ends.get(end).is_some_and(|count| *count > 100), "few orders are {end}: {tally}");
    }
    assert_eq!(tally.ends.get("pending"), None, "{tally}");
}

#[test]
fn every_history_of_one_order_with_two_repeats_and_a_crash_ends_well() {
    every(Small::OneOrder);
}

#[test]
fn every_history_of_two_orders_for_one_piece_ends_well() {
    every(Small::TwoOrders);
}

#[test]
fn every_history_of_an_order_that_is_cancelled_ends_well() {
    every(Small::Cancelled);
}

#[test]
fn every_history_of_an_order_whose_money_cannot_be_taken_ends_well() {
    every(Small::CaptureFails);
}

fn every(small: Small) {
    let (plan, may) = small.scope();
    let visited = visit(plan, may);
    println!("{small}: {} states, {} steps, {} ends", visited.states, visited.steps, visited.ends);
    assert_eq!(visited.wrong, None);
    assert!(visited.states > 1_000, "so few states are no scope: {visited:?}");
}

#[test]
fn a_seed_is_the_same_history_every_time() {
    for seed in 0..50 {
        let (once, again) = (history::of_seed(seed), history::of_seed(seed));
        let told = history::tell(once.tape.clone());
        assert_eq!(once.tape, again.tape);
        assert_eq!((told.tape, told.steps.len()), (once.tape, once.steps));
    }
}

/// What a shrunk history looks like, shown on one that is not wrong: one in which a record was dropped for being known.
#[test]
fn a_history_is_shrunk_to_the_fault_that_matters() {
    let dropped = |history: &history::History| history.duplicates > 0;
    let long =
        (0..SEEDS).map(history::of_seed).find(|history| dropped(history) && history.faults > 4).unwrap();
    let short = history::of_tape(history::shrink(long.tape.clone(), dropped));
    assert!(dropped(&short));
    assert!(short.faults <= 2 && short.orders == 1, "{} faults, {} orders", short.faults, short.orders);
    assert!(short.steps < long.steps, "{} steps of {}", short.steps, long.steps);
}
