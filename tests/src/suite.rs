//! Suites that a running store can be put to as well as one of their own: `make test` opens stores for them, `make e2e` takes
//! them to the store at `ORDER_URL` and the others.

use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use storectl::Client;
use storectl::programs::StoreArgs;

/// With this value of `STORE` the store is somebody else's.
const RUNNING: &str = "running";
/// A store that was just started may still be getting ready.
const FOUND_WITHIN: Duration = Duration::from_secs(15);

/// A test, by the sentence it is named after.
pub struct Sentence {
    name: &'static str,
    check: fn() -> Pin<Box<dyn Future<Output = ()>>>,
    own_store: bool,
}

impl Sentence {
    /// A test that any store can be put to, whatever else is in it.
    pub fn new(name: &'static str, check: fn() -> Pin<Box<dyn Future<Output = ()>>>) -> Self {
        Self { name, check, own_store: false }
    }

    /// A test that needs other settings, or programs and parts that it can stop.
    #[must_use]
    pub fn own_store(self) -> Self {
        Self { own_store: true, ..self }
    }
}

/// Lists the tests of a module as `sentences()`; one that is left out is reported as dead code. `name: own_store` needs one.
#[macro_export]
macro_rules! sentences {
    ($($name:ident $(: $need:ident)?),* $(,)?) => {
        pub fn sentences() -> Vec<$crate::suite::Sentence> {
            vec![$(
                $crate::suite::Sentence::new(
                    concat!(module_path!(), "::", stringify!($name)),
                    || Box::pin($name()),
                )$(.$need())?
            ),*]
        }
    };
}

/// Where the store is that somebody else runs; `None` when the tests open their own.
pub fn running() -> Option<[String; 5]> {
    let is_running = std::env::var("STORE").is_ok_and(|store| store == RUNNING);
    is_running.then(|| StoreArgs::from_env().unwrap_or_else(|error| panic!("{error}")).urls())
}

/// Runs the tests, `at_a_time`, then `close`.
pub fn run(sentences: Vec<Sentence>, at_a_time: usize, close: impl Future<Output = ()>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(at_a_time);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut sentences = sentences;
    if let Some(urls) = running() {
        let client = Client::new(urls).expect("an HTTP client");
        if let Err(error) = runtime.block_on(client.serving(FOUND_WITHIN)) {
            eprintln!(
                "there is no store to test: start one by `make run` or `docker compose up --wait`: {error:#}"
            );
            return ExitCode::FAILURE;
        }
        let all = sentences.len();
        sentences.retain(|sentence| !sentence.own_store);
        let here = sentences.len();
        eprintln!(
            "{here} tests of the store at {}; {} need one of their own, which `make test` opens",
            client.url(storectl::Program::Order),
            all - here
        );
    }
    let trials = sentences.into_iter().map(|sentence| {
        let handle = runtime.handle().clone();
        let name = sentence.name.split_once("::").map_or(sentence.name, |(_, name)| name);
        Trial::test(name, move || {
            handle.block_on((sentence.check)());
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    runtime.block_on(close);
    conclusion.exit_code()
}
