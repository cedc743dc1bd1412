//! One stack for all test processes of one user and checkout.
//!
//! The process that comes first starts it and hands the leash to a supervisor, a shell script of its own: it lives as long as
//! a process with a lease does, and a little longer, so that the next test program finds the stack warm.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::unistd::geteuid;
use tokio::time::{Instant, sleep};

use crate::children::alive;
use crate::error::{Doing as _, StackError};
use crate::host;
use crate::options::{Endpoints, Options, Progress};
use crate::parts::blocking;
use crate::stack::Stack;
use crate::state;

/// Seconds without any lease after which the stack ends.
const LINGER_S: u32 = 10;
/// A first start on a new machine fetches the parts.
const START_WITHIN: Duration = Duration::from_mins(15);

/// Standard input is the leash: it is held by being open. `$1` is the folder, `$2` the seconds to linger.
///
/// Before it ends it hides the state and looks at the leases once more, while a client writes its lease first and reads the
/// state then: one of the two sees the other. It lets go of the leash before it removes the data, and whoever comes waits until
/// the hidden state is gone.
const SUPERVISOR: &str = r#"
trap '' INT TERM HUP QUIT
cd "$1" || exit 1
alive() { if [ -d /proc/self ]; then [ -d "/proc/$1" ]; else ps -p "$1" >/dev/null; fi; }
leased() {
  for lease in leases/*; do
    [ -e "$lease" ] || continue
    if alive "${lease##*/}"; then return 0; else rm -f "$lease"; fi
  done
  return 1
}
idle=0
while :; do
  sleep 1 </dev/null
  if leased; then idle=0; continue; fi
  idle=$((idle + 1))
  [ "$idle" -lt "$2" ] && continue
  mv shared.json hidden.json
  leased || break
  mv hidden.json shared.json
done
exec </dev/null
sleep 1
rm -rf stack
rm -f hidden.json
"#;

/// A right to use the shared stack, for as long as this process lives.
#[derive(Clone, Debug)]
pub struct Shared {
    endpoints: Endpoints,
}

impl Shared {
    /// Where the parts answer.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }
}

/// What a client needs to know.
#[derive(serde::Serialize, serde::Deserialize)]
struct Published {
    endpoints: Endpoints,
    supervisor: u32,
}

/// The parts to test against: those named by `KAFKA_BOOTSTRAP`, `REGISTRY_URL` and `DATABASE_URL` (a superuser's) when all
/// three are set, else a stack that is started once and shared by all test processes of this user and checkout.
///
/// Nobody may stop, kill or pause a part of it: such a test starts a [`Stack`] of its own.
pub async fn shared_for_tests() -> Result<Shared, StackError> {
    static FOUND: OnceLock<Shared> = OnceLock::new();
    if let Some(shared) = FOUND.get() {
        return Ok(shared.clone());
    }
    let endpoints = match from_environment()? {
        Some(endpoints) => endpoints,
        None => find_or_start(&folder()).await?,
    };
    Ok(FOUND.get_or_init(|| Shared { endpoints }).clone())
}

fn from_environment() -> Result<Option<Endpoints>, StackError> {
    let names = ["KAFKA_BOOTSTRAP", "REGISTRY_URL", "DATABASE_URL"];
    let values = names.map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match values {
        [Some(kafka_bootstrap), Some(registry_url), Some(postgres_admin_url)] => {
            Ok(Some(Endpoints { kafka_bootstrap, registry_url, postgres_admin_url }))
        }
        [None, None, None] => Ok(None),
        values => {
            let missing =
                names.iter().zip(values).find(|(_, value)| value.is_none()).map_or("", |(name, _)| name);
            Err(StackError::Shared(format!("{missing} is not set: set all of {}, or none", names.join(", "))))
        }
    }
}

/// One per user and checkout.
fn folder() -> PathBuf {
    let checkout = host::short_hash(Path::new(env!("CARGO_MANIFEST_DIR")));
    std::env::temp_dir().join(format!("counterflow-tests-{}-{checkout}", geteuid()))
}

async fn find_or_start(dir: &Path) -> Result<Endpoints, StackError> {
    let leases = dir.join("leases");
    fs::create_dir_all(&leases).doing("make the folder", &leases)?;
    // Held while looking and starting: of processes that come at once, one starts and the others find.
    let _lock = lock(dir.join("starting.lock")).await?;
    let lease = leases.join(std::process::id().to_string());
    let began = Instant::now();
    loop {
        File::create(&lease).doing("write", &lease)?;
        match published(dir)? {
            Some(found) if alive(found.supervisor) => return Ok(found.endpoints),
            // The supervisor hid it, and will end or show it again.
            None if hiding(dir) && began.elapsed() < START_WITHIN => sleep(Duration::from_millis(50)).await,
            _ => return start(dir).await,
        }
    }
}

async fn lock(path: PathBuf) -> Result<File, StackError> {
    blocking(move || {
        let file = File::create(&path).doing("open the lock", &path)?;
        file.lock().doing("lock", &path)?;
        Ok(file)
    })
    .await
}

fn published(dir: &Path) -> Result<Option<Published>, StackError> {
    read(&dir.join("shared.json"))
}

fn hiding(dir: &Path) -> bool {
    matches!(read(&dir.join("hidden.json")), Ok(Some(hidden)) if alive(hidden.supervisor))
}

fn read(file: &Path) -> Result<Option<Published>, StackError> {
    match fs::read(file) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| StackError::State { file: file.into(), source }),
        Err(_) => Ok(None),
    }
}

/// Starts a stack with empty data and gives it away.
async fn start(dir: &Path) -> Result<Endpoints, StackError> {
    for stale in ["shared.json", "hidden.json"] {
        let _ = fs::remove_file(dir.join(stale));
    }
    let data = dir.join("stack");
    await_end_of_predecessor(&data).await;
    state::reset(&data)?;
    let mut stack = Stack::start(Options { progress: Progress::Stderr, ..Options::new(&data) }).await?;
    let endpoints = stack.endpoints().clone();
    let writer = stack.leash().hand_over().ok_or_else(|| StackError::Shared("its leash is gone".into()))?;
    let log = dir.join("supervisor.log");
    let log_file = OpenOptions::new().create(true).append(true).open(&log).doing("open", &log)?;
    let errors = log_file.try_clone().doing("open", &log)?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SUPERVISOR, "supervisor"]).arg(dir).arg(LINGER_S.to_string());
    command.stdin(Stdio::from(writer)).stdout(log_file).stderr(errors);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let supervisor = command.spawn().doing("start the supervisor in", dir)?.id();
    // Closes our own copy of the writing end.
    drop(command);
    let file = dir.join("shared.json");
    let published = Published { endpoints: endpoints.clone(), supervisor };
    state::write_private(
        &file.with_extension("partial"),
        serde_json::json!(published).to_string().as_bytes(),
    )?;
    fs::rename(file.with_extension("partial"), &file).doing("write", &file)?;
    Ok(endpoints)
}

/// The parts of a stack whose supervisor just ended take a moment to die; their data is removed after that.
async fn await_end_of_predecessor(data: &Path) {
    let Ok(Some(earlier)) = crate::State::read(data) else { return };
    let deadline = Instant::now() + Duration::from_secs(5);
    while earlier.pids.iter().any(|&(_, pid)| pid != 0 && alive(pid)) && Instant::now() < deadline {
        sleep(Duration::from_millis(50)).await;
    }
}
