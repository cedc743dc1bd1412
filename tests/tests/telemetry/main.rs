//! The contract of `docs/telemetry.md`, kept by a running store: a day is played, `/metrics` of all five programs is read, and
//! a Prometheus that scraped them is asked what dashboards and alerts will ask.
//!
//! All tests look at one day, and its store is closed after the last: one process has one recorder, so this target has no
//! other store.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod contract;
mod day;
mod prometheus;
mod questions;
mod shown;

use std::pin::Pin;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

type Check = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

/// Lists tests of a module by the sentences they are named after.
macro_rules! sentences {
    ($($name:ident),* $(,)?) => {
        pub fn sentences() -> Vec<crate::Check> {
            vec![$((concat!(module_path!(), "::", stringify!($name)), || Box::pin($name()))),*]
        }
    };
}
pub(crate) use sentences;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(4);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let trials =
        [contract::sentences(), questions::sentences()].into_iter().flatten().map(|(name, check)| {
            let handle = runtime.handle().clone();
            Trial::test(name.trim_start_matches("telemetry::"), move || {
                handle.block_on(check());
                Ok(())
            })
        });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    runtime.block_on(day::end());
    conclusion.exit_code()
}
