//! `storectl`, as a process of its own: how long it takes, and how much memory it ever held.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::process::Command;

use crate::processes::peak_mb;
use crate::store::{DATABASE_PREFIX, programs};

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// From its start to its end.
    pub seconds: f64,
    /// `VmHWM`, of the kernel.
    pub peak_rss_mb: f64,
    /// What it said.
    pub out: String,
}

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs it to its end. `Err` when it does not end well.
pub async fn storectl(endpoints: &stack::Endpoints, args: &[&str]) -> anyhow::Result<Ran> {
    let program = programs()?.join("storectl");
    let mut command = Command::new(&program);
    command
        .args(args)
        .env("KAFKA_BOOTSTRAP", &endpoints.kafka_bootstrap)
        .env("REGISTRY_URL", &endpoints.registry_url)
        .env("DATABASE_URL", &endpoints.postgres_admin_url)
        .env("DATABASE_PREFIX", DATABASE_PREFIX)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let began = Instant::now();
    let child =
        command.spawn().with_context(|| format!("cannot start {}: build it first", program.display()))?;
    let pid = child.id();
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    let mut peak_rss_mb = 0_f64;
    let output = loop {
        tokio::select! {
            output = &mut ended => break output?,
            () = tokio::time::sleep(LOOK_EVERY) => peak_rss_mb = peak_rss_mb.max(pid.map_or(0.0, peak_mb)),
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    let out = String::from_utf8(output.stdout)?;
    let status = output.status;
    anyhow::ensure!(
        status.success(),
        "storectl {} ended with {status}: {out}{}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(Ran { seconds, peak_rss_mb, out })
}
