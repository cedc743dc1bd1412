//! Suites that a running store can be put to as well as one of their own: `make test` opens stores for them, `make e2e` takes
//! them to the store at `ORDER_URL` and the others, `make drill` to the store in Docker.

use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use storectl::programs::StoreArgs;
use storectl::{Client, Program};

use crate::compose;

/// With this value of `STORE` the store is somebody else's.
const RUNNING: &str = "running";
/// With this one it is in Docker, and its containers may be killed.
const COMPOSE: &str = "compose";
/// A store that was just started may still be getting ready.
const FOUND_WITHIN: Duration = Duration::from_secs(15);

/// A test, by the sentence it is named after.
pub struct Sentence {
    name: &'static str,
    check: fn() -> Pin<Box<dyn Future<Output = ()>>>,
    need: Need,
}

/// Which store a test can be put to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Any,
    Own,
    Docker,
}

/// Which store there is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    /// Each test, or each suite, opens its own.
    Own,
    Running,
    Compose,
}

impl Sentence {
    /// A test that any store can be put to, whatever else is in it.
    pub fn new(name: &'static str, check: fn() -> Pin<Box<dyn Future<Output = ()>>>) -> Self {
        Self { name, check, need: Need::Any }
    }

    /// A test that needs other settings, or programs and parts that it can stop.
    #[must_use]
    pub fn own_store(self) -> Self {
        Self { need: Need::Own, ..self }
    }

    /// A test that kills containers.
    #[must_use]
    pub fn in_docker(self) -> Self {
        Self { need: Need::Docker, ..self }
    }
}

/// Lists the tests of a module as `sentences()`; one that is left out is reported as dead code. `name: own_store`
/// needs one, `name: in_docker` needs that one.
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
    let is_running = Store::from_env() == Store::Running;
    is_running.then(|| StoreArgs::from_env().unwrap_or_else(|error| panic!("{error}")).urls())
}

/// Runs the tests, `at_a_time`, then `close`.
pub fn run(sentences: Vec<Sentence>, at_a_time: usize, close: impl Future<Output = ()>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(at_a_time);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let store = Store::from_env();
    let client = match runtime.block_on(store.look()) {
        Ok(client) => client,
        Err(error) => {
            eprintln!("there is no store to test, start one by {}: {error:#}", store.started_by());
            return ExitCode::FAILURE;
        }
    };
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        sentences.into_iter().partition(|sentence| store.serves(sentence.need));
    if let Some(client) = client {
        eprintln!("{} tests of the store at {}", here.len(), client.url(Program::Order));
    }
    for need in [Need::Any, Need::Own, Need::Docker] {
        let count = elsewhere.iter().filter(|sentence| sentence.need == need).count();
        if count > 0 {
            eprintln!("{count} tests are left out: they need {}", need.told());
        }
    }
    let trials = here.into_iter().map(|sentence| {
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

impl Store {
    fn from_env() -> Self {
        match std::env::var("STORE").as_deref() {
            Ok(RUNNING) => Self::Running,
            Ok(COMPOSE) => Self::Compose,
            _ => Self::Own,
        }
    }

    /// A client of the store, once it takes calls; `None` when the tests open their own.
    async fn look(self) -> anyhow::Result<Option<Client>> {
        let client = match self {
            Self::Own => return Ok(None),
            Self::Running => Client::new(StoreArgs::from_env()?.urls())?,
            Self::Compose => compose::client().await?,
        };
        client.serving(FOUND_WITHIN).await?;
        Ok(Some(client))
    }

    fn started_by(self) -> &'static str {
        match self {
            Self::Own | Self::Running => "`make run` or `make up`",
            Self::Compose => "`make up`",
        }
    }

    fn serves(self, need: Need) -> bool {
        match self {
            Self::Own => need != Need::Docker,
            Self::Running => need == Need::Any,
            Self::Compose => need == Need::Docker,
        }
    }
}

impl Need {
    fn told(self) -> &'static str {
        match self {
            Self::Any => "a store that nobody kills, as `make e2e` and `make test` have it",
            Self::Own => "a store of their own, which `make test` opens",
            Self::Docker => "the store in Docker, to kill its containers: `make up`, then `make drill`",
        }
    }
}
