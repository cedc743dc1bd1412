//! `simulate`: as many histories as asked for.

use std::process::ExitCode;

fn main() -> ExitCode {
    let seeds: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    let (mut orders, mut steps, mut faults, mut dups) = (0, 0, 0, 0);
    for seed in 0..seeds {
        let history = simulation::history::of_seed(seed);
        orders += history.orders;
        steps += history.steps;
        faults += history.faults;
        dups += history.duplicates;
        if !history.wrong.is_empty() {
            println!("seed {seed}: {:?} in {} steps", history.wrong, history.steps);
            let tape = simulation::history::shrink(history.tape);
            println!("{}", simulation::history::tell(tape));
            return ExitCode::FAILURE;
        }
    }
    println!("{seeds} histories, {orders} orders, {steps} steps, {faults} faults, {dups} duplicates");
    ExitCode::SUCCESS
}
