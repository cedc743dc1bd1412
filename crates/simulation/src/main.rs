//! `simulate`: as many histories as asked for.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("all") {
        use simulation::*;
        let arg = |n: usize| std::env::args().nth(n).and_then(|t| t.parse::<usize>().ok()).unwrap_or(0);
        let (repeats, crashes, orders) = (arg(2), arg(3), arg(4));
        let plan = Plan {
            shelves: vec![1],
            wishes: vec![Wish { lines: vec![(0, 1)], token: "tok_ok" }; orders],
            instances: 1,
            customer_known: true,
            faults_max: repeats + crashes,
            scope: Scope { batches: false, zombies: false },
            time: false,
        };
        let visited = exhaustive::visit(plan, |world, step| match step {
            Step::Service(_, _, Act::Publish(_, Fate::AnswerLost)) => world.counted.repeats < repeats,
            Step::Service(_, _, Act::Crash) => world.counted.crashes < crashes,
            _ => false,
        });
        println!("{visited:#?}");
        return ExitCode::SUCCESS;
    }
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
