//! Three parts as one thing: start, stop, and the faults a test wants.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use crate::artefacts::{Artefacts, Check};
use crate::children::{Child, Leash, alive, send};
use crate::error::{Doing as _, StackError};
use crate::host;
use crate::java::Java;
use crate::lock::Lock;
use crate::options::{Endpoints, Options, Part};
use crate::parts::{Postgres, Running, Site, blocking, farewell, registry_url};
use crate::state::State;

/// What a fresh stack and a day of orders take.
const NEED_MB: u64 = 500;
/// How long processes of a killed run may take to follow their parent.
const LINGER_WITHIN: Duration = Duration::from_secs(10);

/// Kafka, the registry and Postgres, running.
///
/// Dropping it (or the end of the program, however it comes) kills all three; [`Stack::stop`] ends them in order.
pub struct Stack {
    site: Site,
    kafka: Running,
    registry: Running,
    postgres: Running,
    endpoints: Endpoints,
    // Given back last.
    _lock: Lock,
}

impl Stack {
    /// Starts the parts and returns when all of them answer. Data of an earlier run is kept.
    ///
    /// What is not in the cache is fetched first, which takes a minute on a new machine.
    pub async fn start(options: Options) -> Result<Self, StackError> {
        let (site, lock) = blocking(move || prepare(options)).await?;
        if let Some(earlier) = State::read(&site.options.dir)? {
            outwait(&earlier).await?;
        }
        let ports = site.options.ports;
        let (postgres, kafka) = tokio::try_join!(
            async {
                let postgres = site.start(Part::Postgres, ports.of(Part::Postgres), 0).await?;
                let registry = site.start(Part::Registry, ports.of(Part::Registry), postgres.port).await?;
                Ok((postgres, registry))
            },
            site.start(Part::Kafka, ports.of(Part::Kafka), 0),
        )?;
        let (postgres, registry) = postgres;
        let endpoints = Endpoints {
            kafka_bootstrap: format!("127.0.0.1:{}", kafka.port),
            registry_url: registry_url(registry.port),
            postgres_admin_url: site.postgres.admin_url(postgres.port),
        };
        let stack = Self { site, kafka, registry, postgres, endpoints, _lock: lock };
        stack.write_state()?;
        Ok(stack)
    }

    /// Where the parts answer; the same for as long as the stack lives, also after a part was restarted.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The process of a part: of its last run when it is not running.
    pub fn pid(&self, part: Part) -> u32 {
        self.part(part).child.pid()
    }

    /// Ends all parts in order, within 10 s.
    pub async fn stop(mut self) -> Result<(), StackError> {
        let Self { kafka, registry, postgres, .. } = &mut self;
        tokio::join!(stop(Part::Kafka, &mut kafka.child), stop(Part::Registry, &mut registry.child));
        // Last, so that the registry can still finish what it is doing.
        stop(Part::Postgres, &mut postgres.child).await;
        self.write_state()
    }

    /// Kills a part with `SIGKILL` and waits until it is gone.
    pub async fn kill(&mut self, part: Part) -> Result<(), StackError> {
        self.part_mut(part).child.kill().await;
        self.write_state()
    }

    /// Asks a part to end, and waits until it did.
    pub async fn stop_part(&mut self, part: Part) -> Result<(), StackError> {
        stop(part, &mut self.part_mut(part).child).await;
        self.write_state()
    }

    /// Ends Postgres at once (`immediate`): sessions are cut off, nothing is written any more, and the next start replays its log.
    pub async fn stop_immediate(&mut self) -> Result<(), StackError> {
        self.postgres.child.stop(Signal::SIGQUIT, Duration::from_secs(5)).await;
        self.write_state()
    }

    /// Starts a part again on the same port (ends it first when it runs), and waits until it answers.
    pub async fn restart(&mut self, part: Part) -> Result<(), StackError> {
        stop(part, &mut self.part_mut(part).child).await;
        let port = self.part(part).port;
        *self.part_mut(part) = self.site.start(part, Some(port), self.postgres.port).await?;
        self.write_state()
    }

    /// Stops a part in its tracks (`SIGSTOP`): its connections stay open and nothing answers.
    pub fn pause(&self, part: Part) {
        self.part(part).child.signal_all(Signal::SIGSTOP);
    }

    /// Lets a paused part go on.
    pub fn resume(&self, part: Part) {
        self.part(part).child.signal_all(Signal::SIGCONT);
    }

    /// The first part that ended without being told to, with the error that says why.
    pub fn ended(&mut self) -> Option<(Part, StackError)> {
        Part::ALL.into_iter().find_map(|part| {
            let child = &mut self.part_mut(part).child;
            child.ended().map(|status| (part, child.exited(status)))
        })
    }

    /// The leash, for a stack that outlives this program.
    pub(crate) fn leash(&mut self) -> &mut Leash {
        &mut self.site.leash
    }

    fn part(&self, part: Part) -> &Running {
        match part {
            Part::Kafka => &self.kafka,
            Part::Registry => &self.registry,
            Part::Postgres => &self.postgres,
        }
    }

    fn part_mut(&mut self, part: Part) -> &mut Running {
        match part {
            Part::Kafka => &mut self.kafka,
            Part::Registry => &mut self.registry,
            Part::Postgres => &mut self.postgres,
        }
    }

    fn write_state(&self) -> Result<(), StackError> {
        let pid = |part| Some(self.pid(part)).filter(|&pid| alive(pid)).unwrap_or(0);
        let pids = Part::ALL.map(|part| (part, pid(part))).into();
        State { endpoints: self.endpoints.clone(), pids }.write(&self.site.options.dir)
    }
}

async fn stop(part: Part, child: &mut Child) {
    let (signal, patience) = farewell(part);
    child.stop(signal, patience).await;
}

/// Everything before the first process.
fn prepare(mut options: Options) -> Result<(Site, Lock), StackError> {
    fs::create_dir_all(&options.dir).doing("make the folder", &options.dir)?;
    // The parts have working folders of their own.
    options.dir = options.dir.canonicalize().doing("find", &options.dir)?;
    let lock = Lock::take(&options.dir)?;
    host::check_space(&options.dir, NEED_MB)?;
    let java = Java::find()?;
    let artefacts = Artefacts::ensure(&java, options.progress, Check::Size)?;
    let postgres = Postgres::new(&options.dir)?;
    keep_last_logs(&options)?;
    let leash = Leash::new()?;
    Ok((Site { options, java, artefacts, postgres, leash }, lock))
}

/// `kafka.log` of the last run becomes `kafka.log.1`.
fn keep_last_logs(options: &Options) -> Result<(), StackError> {
    let logs = options.dir.join("logs");
    for part in Part::ALL {
        let log = logs.join(format!("{part}.log"));
        if log.exists() {
            fs::rename(&log, log.with_extension("log.1")).doing("rename", &log)?;
        }
    }
    Ok(())
}

/// Waits for processes of a run that was killed; they are dying, or their numbers belong to others by now.
async fn outwait(earlier: &State) -> Result<(), StackError> {
    let began = Instant::now();
    for &(part, pid) in &earlier.pids {
        while pid != 0 && alive(pid) && is_ours(part, pid) {
            if began.elapsed() > LINGER_WITHIN {
                return Err(StackError::Lingering { part, pid, waited_s: LINGER_WITHIN.as_secs() });
            }
            // Nobody holds the folder, so nobody is there to miss it.
            send(pid, Signal::SIGKILL);
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// True when the process runs the program that `part` runs as, in the working folder of such a part.
fn is_ours(part: Part, pid: u32) -> bool {
    let Ok(folder) = fs::read_link(format!("/proc/{pid}/cwd")) else { return false };
    folder.ends_with(part.name())
}
