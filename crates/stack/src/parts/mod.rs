//! What is particular to each part: preparing its folder, starting it, knowing that it is ready.

mod kafka;
mod postgres;
mod registry;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep, timeout};

pub(crate) use postgres::Postgres;

use crate::artefacts::Artefacts;
use crate::children::{Child, Launch, Leash};
use crate::error::{Doing as _, StackError};
use crate::java::Java;
use crate::network;
use crate::options::{Options, Part};

/// How often a readiness question is asked.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// A question that hangs is asked again.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Postgres may replay its log and the JVMs may share two slow cores.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// How long processes of an earlier run may take to die.
const LINGER_WITHIN: Duration = Duration::from_secs(10);
/// Ports that were free and then taken.
const PORT_TRIES: usize = 5;

/// Everything that stays the same while a stack runs.
pub(crate) struct Site {
    pub(crate) options: Options,
    pub(crate) java: Java,
    pub(crate) artefacts: Artefacts,
    pub(crate) postgres: Postgres,
    pub(crate) leash: Leash,
}

/// A part that answers on its port.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) port: u16,
}

impl Site {
    /// Starts a part on the port asked for, or on a free one, and waits until it is ready.
    pub(crate) async fn start(
        &self,
        part: Part,
        fixed: Option<u16>,
        postgres_port: u16,
    ) -> Result<Running, StackError> {
        let began = Instant::now();
        let mut tries = 0;
        loop {
            let port = fixed.map_or_else(network::free_port, Ok)?;
            if fixed.is_some() {
                self.wait_until_free(part, port, began).await?;
            }
            let error = match self.start_once(part, port, postgres_port).await {
                Ok(child) => {
                    let seconds = began.elapsed().as_secs_f32();
                    self.options
                        .progress
                        .say(format_args!("{part} is ready on port {port} after {seconds:.1} s"));
                    return Ok(Running { child, port });
                }
                Err(error) => error,
            };
            match hindrance(&error) {
                Some(Hindrance::Port) if fixed.is_none() && tries < PORT_TRIES => tries += 1,
                Some(Hindrance::Port) => return Err(StackError::PortInUse { part, port }),
                Some(Hindrance::EarlierRun) if began.elapsed() < LINGER_WITHIN => {
                    sleep(Duration::from_millis(200)).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// A part that was just killed may hold its port for a moment.
    async fn wait_until_free(&self, part: Part, port: u16, began: Instant) -> Result<(), StackError> {
        loop {
            match network::check_free(part, port) {
                Err(_) if began.elapsed() < Duration::from_secs(2) => sleep(ASK_EVERY).await,
                answer => return answer,
            }
        }
    }

    async fn start_once(&self, part: Part, port: u16, postgres_port: u16) -> Result<Child, StackError> {
        let launch = match part {
            Part::Kafka => kafka::launch(self, port).await?,
            Part::Registry => registry::launch(self, port, postgres_port).await?,
            Part::Postgres => self.postgres.launch(self, port).await?,
        };
        let log = launch.log.clone();
        let mut child = Child::spawn(launch, &self.leash)?;
        let began = Instant::now();
        loop {
            if let Some(status) = child.ended() {
                let error = child.exited(status);
                child.kill().await;
                return Err(error);
            }
            if timeout(ANSWER_WITHIN, self.answers(part, port)).await.unwrap_or(false) {
                return Ok(child);
            }
            if began.elapsed() > READY_WITHIN {
                child.kill().await;
                return Err(StackError::NotReady { part, waited_s: READY_WITHIN.as_secs(), log });
            }
            sleep(ASK_EVERY).await;
        }
    }

    async fn answers(&self, part: Part, port: u16) -> bool {
        match part {
            Part::Kafka => network::kafka_answers(port).await.unwrap_or(false),
            Part::Registry => {
                network::http_answers(port, &format!("{}/subjects", registry::API)).await.unwrap_or(false)
            }
            Part::Postgres => self.postgres.answers(port).await,
        }
    }

    /// The options every JVM gets: small, and quick to start unless it is to be measured.
    fn jvm(&self, heap_mb: u32) -> Vec<String> {
        let mut flags =
            vec![format!("-Xmx{heap_mb}m"), "-XX:+UseSerialGC".into(), "-Djava.awt.headless=true".into()];
        if !self.options.for_load {
            flags.push("-XX:TieredStopAtLevel=1".into());
        }
        flags
    }

    /// `dir/name`, made.
    fn folder(&self, name: &str) -> Result<PathBuf, StackError> {
        let folder = self.options.dir.join(name);
        fs::create_dir_all(&folder).doing("make the folder", &folder)?;
        Ok(folder)
    }

    /// Where a part's output goes.
    fn log(&self, part: Part) -> Result<PathBuf, StackError> {
        Ok(self.folder("logs")?.join(format!("{part}.log")))
    }
}

/// The base URL of the registry's API.
pub(crate) fn registry_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}{}", registry::API)
}

/// How a part is asked to end, and how long it may take: together less than 10 s, as Postgres comes last.
pub(crate) fn farewell(part: Part) -> (Signal, Duration) {
    match part {
        Part::Kafka => (Signal::SIGTERM, Duration::from_secs(5)),
        Part::Registry => (Signal::SIGTERM, Duration::from_secs(3)),
        // "Fast shutdown": open sessions are ended, nothing is left to recover.
        Part::Postgres => (Signal::SIGINT, Duration::from_secs(4)),
    }
}

enum Hindrance {
    Port,
    EarlierRun,
}

/// What a part that ended by itself stumbled over, if waiting or another port may help.
fn hindrance(error: &StackError) -> Option<Hindrance> {
    let StackError::Exited { log, .. } = error else { return None };
    let said = fs::read_to_string(log).unwrap_or_default();
    let recent: Vec<_> = said.lines().rev().take(60).collect();
    let says =
        |phrases: &[&str]| recent.iter().any(|line| phrases.iter().any(|phrase| line.contains(phrase)));
    if says(&[
        "pre-existing shared memory block",
        "\"postmaster.pid\" already exists",
        "Failed to acquire lock on file",
    ]) {
        return Some(Hindrance::EarlierRun);
    }
    says(&["Address already in use", "seems to be in use"]).then_some(Hindrance::Port)
}

/// Runs blocking work on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StackError> + Send + 'static,
) -> Result<T, StackError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StackError::Io { doing: "finish a helper thread".into(), source: error.into() }),
    }
}

/// A launch with nothing particular.
fn plain(part: Part, program: PathBuf, dir: PathBuf, log: PathBuf) -> Launch {
    Launch { part, program, args: Vec::new(), env: Vec::new(), dir, log, account: None }
}
