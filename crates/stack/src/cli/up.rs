//! `stack up`: the foreground program that owns the parts.

use std::process::ExitCode;
use std::time::Duration;

use stack::{Endpoints, Options, Stack};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

/// How soon a part that ended is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs until it is told to stop.
pub(super) async fn up(options: Options, restart_after_s: u64) -> anyhow::Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let mut stack = tokio::select! {
        stack = Stack::start(options) => stack?,
        // Dropping a start that is under way kills what was started.
        () = stop.asked() => return Ok(ExitCode::FAILURE),
    };
    print(stack.endpoints());
    let supervised = tokio::select! {
        result = supervise(&mut stack, Duration::from_secs(restart_after_s)) => result,
        () = stop.asked() => Ok(()),
    };
    eprintln!("stack: stopping");
    stack.stop().await?;
    supervised.map(|()| ExitCode::SUCCESS)
}

/// Starts parts again that ended; comes back only with an error.
async fn supervise(stack: &mut Stack, restart_after: Duration) -> anyhow::Result<()> {
    loop {
        sleep(LOOK_EVERY).await;
        if let Some((part, why)) = stack.ended() {
            eprintln!("stack: {why}; starting it again in {} s", restart_after.as_secs());
            sleep(restart_after).await;
            stack.restart(part).await?;
        }
    }
}

/// Prints the addresses as lines of an environment file.
pub(super) fn print(endpoints: &Endpoints) {
    for (name, value) in endpoints.env() {
        println!("{name}={value}");
    }
}

/// Ctrl-C, `stack down`, the terminal going away.
pub(super) struct Stop {
    signals: [Signal; 3],
}

impl Stop {
    /// From here on none of the signals ends the program by itself.
    pub(super) fn listen() -> std::io::Result<Self> {
        let on = |kind| signal(kind);
        Ok(Self {
            signals: [on(SignalKind::interrupt())?, on(SignalKind::terminate())?, on(SignalKind::hangup())?],
        })
    }

    /// Returns when one of them came.
    pub(super) async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
