//! Processes that cannot outlive the program that started them.

use std::fs::{self, OpenOptions};
use std::io::{PipeReader, PipeWriter};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::{Child as Process, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::error::{Doing as _, StackError};
use crate::host::Account;
use crate::options::Part;

/// Becomes the part by `exec`, so the process we start *is* the part; a watcher stays behind in its process group and
/// reads from the leash. When the last writer of the leash is gone, however it ended, the watcher kills the group.
///
/// Preferred over `PR_SET_PDEATHSIG`, which fires when a *thread* ends, is lost with a change of user, and is Linux only.
/// Postgres' backends leave the group, and a backend that is stopped (`Stack::pause`) would not notice its postmaster's
/// end, so they are killed one by one while the postmaster stands still.
const WATCHED: &str = r#"
exec 3<&0 </dev/null
(
  trap '' INT TERM HUP QUIT
  read -r line <&3
  kill -STOP $$
  for stat in /proc/[0-9]*/stat; do
    read -r pid name state parent rest <"$stat" && [ "$parent $name" = "$$ (postgres)" ] && kill -KILL "$pid"
  done 2>/dev/null
  kill -KILL 0
) &
exec 3<&-
exec "$@"
"#;

/// A pipe: whoever holds its writing end keeps the children alive.
#[derive(Debug)]
pub(crate) struct Leash {
    reader: PipeReader,
    writer: Option<PipeWriter>,
}

impl Leash {
    /// Held by this program.
    pub(crate) fn new() -> Result<Self, StackError> {
        let (reader, writer) = std::io::pipe().doing("make a pipe in", Path::new("."))?;
        Ok(Self { reader, writer: Some(writer) })
    }

    /// The end to hold, for another process; this program lets go of it.
    pub(crate) fn hand_over(&mut self) -> Option<PipeWriter> {
        self.writer.take()
    }
}

/// How to start a part.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) part: Part,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) dir: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) account: Option<Account>,
}

/// A part that was started.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    pid: u32,
    part: Part,
    log: PathBuf,
    /// Where in the log this run begins.
    log_start: u64,
}

impl Child {
    /// Starts it in a process group of its own: Ctrl-C reaches only us, so that we stop the parts in order.
    pub(crate) fn spawn(launch: Launch, leash: &Leash) -> Result<Self, StackError> {
        let log =
            OpenOptions::new().create(true).append(true).open(&launch.log).doing("open", &launch.log)?;
        let log_start = log.metadata().map_or(0, |metadata| metadata.len());
        let errors = log.try_clone().doing("open", &launch.log)?;
        let reader = leash.reader.try_clone().doing("start", &launch.program)?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", WATCHED, launch.part.name()])
            .arg(&launch.program)
            .args(&launch.args)
            .envs(launch.env)
            .current_dir(&launch.dir)
            .stdin(Stdio::from(reader))
            .stdout(log)
            .stderr(errors)
            .process_group(0);
        if let Some(account) = launch.account {
            command.uid(account.uid).gid(account.gid);
        }
        let process = command.spawn().doing("start", &launch.program)?;
        let pid = process.id().unwrap_or_default();
        Ok(Self { process, pid, part: launch.part, log: launch.log, log_start })
    }

    /// Its process, also after it ended.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// What its log says since it was started.
    pub(crate) fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let start = usize::try_from(self.log_start).unwrap_or(0).min(bytes.len());
        String::from_utf8_lossy(&bytes[start..]).into_owned()
    }

    /// The error that it ended by itself.
    pub(crate) fn exited(&self, status: ExitStatus) -> StackError {
        let said = self.said();
        let telling = ["FATAL", "ERROR", "Exception", "Error"];
        let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
        let last = lines()
            .rfind(|line| telling.iter().any(|word| line.contains(word)))
            .or_else(|| lines().next_back());
        let last = last.unwrap_or("nothing").chars().take(300).collect();
        StackError::Exited { part: self.part, status: status.to_string(), last, log: self.log.clone() }
    }

    /// Sends a signal to the part and its own children.
    pub(crate) fn signal_all(&self, signal: Signal) {
        // The parent first: a postmaster that stands still neither replaces nor mourns its backends.
        for pid in std::iter::once(self.pid).chain(children_of(self.pid)) {
            send(pid, signal);
        }
    }

    /// Asks it to end by `signal`, and kills it after `patience`.
    pub(crate) async fn stop(&mut self, signal: Signal, patience: Duration) {
        if self.ended().is_none() {
            self.signal_all(Signal::SIGCONT);
            send(self.pid, signal);
        }
        if timeout(patience, self.process.wait()).await.is_err() {
            self.kill().await;
        }
        self.end_watcher();
    }

    /// Kills it, and waits until nothing of it is left.
    pub(crate) async fn kill(&mut self) {
        if self.ended().is_none() {
            let children = children_of(self.pid);
            self.signal_all(Signal::SIGSTOP);
            self.signal_all(Signal::SIGKILL);
            let _ = self.process.wait().await;
            let deadline = Instant::now() + Duration::from_secs(5);
            while children.iter().any(|&pid| alive(pid)) && Instant::now() < deadline {
                sleep(Duration::from_millis(10)).await;
            }
        }
        self.end_watcher();
    }

    /// The watcher keeps the process group's number from being given to anybody else until here.
    fn end_watcher(&self) {
        if let Ok(pid) = i32::try_from(self.pid) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// True while `pid` is a process that has not ended.
pub(crate) fn alive(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), None).is_ok()),
    }
}

/// Sends a signal; a process that is gone needs none.
pub(crate) fn send(pid: u32, signal: Signal) {
    if let Ok(pid @ 1..) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Its children that left its process group; the one that stayed is the watcher, which must never stand still.
fn children_of(parent: u32) -> Vec<u32> {
    let is_child = |[pid, of, group]: [u32; 3]| (of == parent && group != parent).then_some(pid);
    if let Ok(processes) = fs::read_dir("/proc") {
        let stats =
            processes.flatten().filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
        return stats.filter_map(|stat| parse_stat(&stat)).filter_map(is_child).collect();
    }
    let table = std::process::Command::new("ps").args(["-A", "-o", "pid=,ppid=,pgid="]).output();
    let table = table.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    table.lines().filter_map(|line| three_numbers(line.split_whitespace())).filter_map(is_child).collect()
}

/// `pid (name) state ppid pgrp …`, where the name may hold anything.
fn parse_stat(stat: &str) -> Option<[u32; 3]> {
    let (pid, rest) = stat.split_once(' ')?;
    let after_name = rest.rsplit(')').next()?;
    three_numbers(std::iter::once(pid).chain(after_name.split_whitespace().skip(1)))
}

fn three_numbers<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<[u32; 3]> {
    let mut next = || words.next()?.parse().ok();
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::parse_stat;

    #[test]
    fn a_process_name_may_hold_anything() {
        assert_eq!(parse_stat("7 (a) b ) (c) S 3 2 2 0"), Some([7, 3, 2]));
    }
}
