//! Commands about a stack that another process runs.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;
use stack::{Holder, Lock, Part, State};
use tokio::time::{Instant, sleep};

use super::up;

/// Longer than a stop may take.
const DOWN_WITHIN: Duration = Duration::from_secs(15);

/// Asks the holder of the folder to stop. The lock is the kernel's, so who holds it is really there.
pub(super) async fn down(dir: &Path) -> anyhow::Result<ExitCode> {
    let Some(holder) = Lock::holder(dir) else {
        eprintln!("stack: nothing runs on {}", dir.display());
        return Ok(ExitCode::SUCCESS);
    };
    signal(holder.pid, Signal::SIGTERM)?;
    let deadline = Instant::now() + DOWN_WITHIN;
    while Lock::holder(dir).is_some() {
        if Instant::now() > deadline {
            bail!("process {} did not stop within {} s: kill it", holder.pid, DOWN_WITHIN.as_secs());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// One line a part.
pub(super) fn status(dir: &Path) -> ExitCode {
    let Ok((holder, state)) = running(dir) else {
        println!("nothing runs on {}", dir.display());
        return ExitCode::FAILURE;
    };
    println!("held by process {} since {}", holder.pid, holder.since);
    for part in Part::ALL {
        let (pid, address) = (state.pid(part), state.endpoints.address(part));
        println!(
            "{part:<9}{}",
            if pid == 0 { "not running".to_owned() } else { format!("process {pid}, {address}") }
        );
    }
    ExitCode::SUCCESS
}

/// Kills one part; its owner notices.
pub(super) fn kill(dir: &Path, part: Part) -> anyhow::Result<ExitCode> {
    let (_, state) = running(dir)?;
    match state.pid(part) {
        0 => bail!("{part} is not running"),
        pid => signal(pid, Signal::SIGKILL)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Becomes `tail`.
pub(super) fn logs(dir: &Path, part: Part, lines: u32, follow: bool) -> anyhow::Result<ExitCode> {
    let log = dir.join(format!("logs/{part}.log"));
    if !log.exists() {
        bail!("{} is not there: {part} was never started in this folder", log.display());
    }
    let mut tail = std::process::Command::new("tail");
    tail.args(["-n", &lines.to_string()]).args(follow.then_some("-F")).arg(log);
    Err(tail.exec()).context("cannot run tail")
}

/// The addresses of a running stack.
pub(super) fn env(dir: &Path) -> anyhow::Result<ExitCode> {
    up::print(&running(dir)?.1.endpoints);
    Ok(ExitCode::SUCCESS)
}

fn running(dir: &Path) -> anyhow::Result<(Holder, State)> {
    let nothing = || format!("nothing runs on {}: start it with `stack up`", dir.display());
    let holder = Lock::holder(dir).with_context(nothing)?;
    let state = State::read(dir)?.with_context(|| format!("process {} is still starting", holder.pid))?;
    Ok((holder, state))
}

fn signal(pid: u32, signal: Signal) -> anyhow::Result<()> {
    // 0 would be our own process group.
    let pid =
        i32::try_from(pid).ok().filter(|&pid| pid > 0).context("its process is not known yet: try again")?;
    send(Pid::from_raw(pid), signal).with_context(|| format!("cannot signal process {pid}"))
}
