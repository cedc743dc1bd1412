//! `stack exec -- command`: a stack for the time of one command; and `stack promtool`, which needs none.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use anyhow::Context as _;
use stack::{Options, PROMETHEUS_REMEDY, Prometheus, Stack};
use tokio::process::Command;

use super::up::Stop;

/// Runs `command` with the addresses in its environment.
pub(super) async fn exec(mut options: Options, keep: bool, command: &[String]) -> anyhow::Result<ExitCode> {
    let mut stop = Stop::listen()?;
    if !keep {
        options.dir = std::env::temp_dir().join(format!("counterflow-exec-{}", std::process::id()));
    }
    let dir = options.dir.clone();
    let started = tokio::select! {
        stack = Stack::start(options) => stack.map(Some),
        () = stop.asked() => Ok(None),
    };
    let result = match started {
        Ok(Some(stack)) => {
            let status = run(&stack, command, &mut stop).await;
            stack.stop().await?;
            status.map(exit_code)
        }
        Ok(None) => Ok(ExitCode::FAILURE),
        // The logs say more than the error does.
        Err(error) => return Err(error.into()),
    };
    if !keep {
        stack::reset(&dir)?;
    }
    result
}

/// Runs promtool, where there is one.
pub(super) async fn promtool(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let Some(found) = Prometheus::find() else {
        eprintln!("promtool {}: SKIPPED, {PROMETHEUS_REMEDY}", arguments.join(" "));
        return Ok(ExitCode::SUCCESS);
    };
    let status = Command::new(&found.promtool).args(arguments).status().await;
    Ok(exit_code(status.with_context(|| format!("cannot run {}", found.promtool.display()))?))
}

/// Ctrl-C reaches the command by itself; a signal to us alone is passed on.
async fn run(stack: &Stack, command: &[String], stop: &mut Stop) -> anyhow::Result<ExitStatus> {
    let mut process = Command::new(&command[0]);
    process.args(&command[1..]).envs(stack.endpoints().env()).kill_on_drop(true);
    let mut child = process.spawn().with_context(|| format!("cannot run {}", command[0]))?;
    tokio::select! {
        status = child.wait() => return Ok(status?),
        () = stop.asked() => {}
    }
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
    }
    Ok(child.wait().await?)
}

/// As a shell reports it: 128 and the signal's number for a command that was killed.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
