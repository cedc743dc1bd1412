//! A program of the store as a process of its own: it can be killed, frozen, and told where to kill itself.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

/// The shell becomes the program; what stays behind kills both when the one who holds the leash, a pipe, is gone.
const WATCHED: &str = r#"
exec 3<&0 </dev/null
( trap '' INT TERM HUP QUIT; read -r line <&3; kill -KILL 0 ) &
exec 3<&-
exec "$@"
"#;
/// Longest for an end in good order.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// A running program; it ends with this value.
pub struct Process {
    child: Child,
    pid: Pid,
    _leash: Option<ChildStdin>,
}

/// The folder of this program, where those of the store are built to as well.
pub fn programs() -> anyhow::Result<PathBuf> {
    let mut folder = std::env::current_exe()?;
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    Ok(folder)
}

impl Process {
    /// Starts `program` with these variables; what it says is added to `log`.
    pub fn start(program: &Path, env: &[(&'static str, String)], log: &Path) -> anyhow::Result<Self> {
        ensure!(program.exists(), "{} is not built: cargo build --workspace --bins", program.display());
        let said = OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCHED, "program"]).arg(program).envs(env.iter().cloned());
        command.stdin(Stdio::piped()).stdout(said.try_clone()?).stderr(said).process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let pid = Pid::from_raw(i32::try_from(child.id().context("it ended at once")?)?);
        Ok(Self { _leash: child.stdin.take(), child, pid })
    }

    /// As `kill -9` does.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        killpg(self.pid, Signal::SIGKILL)?;
        self.child.wait().await?;
        Ok(())
    }

    /// Waits until it has killed itself.
    pub async fn dies(&mut self, within: Duration) -> anyhow::Result<()> {
        let ended = timeout(within, self.child.wait()).await;
        let status = ended.with_context(|| format!("it still lives after {within:?}"))??;
        ensure!(status.signal() == Some(Signal::SIGKILL as i32), "it ended otherwise: {status}");
        Ok(())
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Stands still: its connections stay open, and nothing answers.
    pub fn freeze(&self) -> anyhow::Result<()> {
        Ok(kill(self.pid, Signal::SIGSTOP)?)
    }

    /// Goes on, and does not know that time has passed.
    pub fn thaw(&self) -> anyhow::Result<()> {
        Ok(kill(self.pid, Signal::SIGCONT)?)
    }

    /// Ends it in good order.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        kill(self.pid, Signal::SIGTERM)?;
        timeout(STOPS_WITHIN, self.child.wait()).await.context("it does not stop")??;
        Ok(())
    }
}

/// Also what stayed behind.
impl Drop for Process {
    fn drop(&mut self) {
        let _gone = killpg(self.pid, Signal::SIGKILL);
    }
}
