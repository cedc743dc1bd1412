//! The store that `make up` started in Docker: its containers can be killed and started again.

use std::process::Stdio;
use std::time::Duration;

use all::launch::PORTS;
use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use storectl::{Client, Program};
use tokio::process::Command;
use tokio::time::timeout;

use crate::telemetry::project;

/// Longest for one command: `up` waits for two Java programs and runs the jobs once more.
const DONE_WITHIN: Duration = Duration::from_mins(4);

/// A customer and an operator of it; an error when it does not run.
pub async fn client() -> anyhow::Result<Client> {
    let programs = Program::ALL.into_iter().zip(PORTS);
    let urls = try_join_all(programs.map(async |(program, port)| url(program.name(), port).await)).await?;
    Client::new(urls.try_into().expect("an address for each program"))
}

/// Where a container answers on this machine: `.env` may have moved it.
pub async fn url(container: &str, port: u16) -> anyhow::Result<String> {
    let address = docker_compose(&["port"], &[container, &port.to_string()]).await?;
    Ok(format!("http://{}", address.trim()))
}

/// Kills containers as `kill -9` does; all of them when none is named.
pub async fn kill(containers: &[&str]) -> anyhow::Result<()> {
    docker_compose(&["kill"], containers).await.map(drop)
}

/// Those of the named containers, or of all, that run.
pub async fn running(containers: &[&str]) -> anyhow::Result<Vec<String>> {
    let listed =
        docker_compose(&["ps", "--orphans=false", "--services", "--status=running"], containers).await?;
    Ok(listed.split_whitespace().map(ToOwned::to_owned).collect())
}

/// Starts what does not run, and waits until all of it is healthy. Nothing is built: what is tested is what was there.
pub async fn up() -> anyhow::Result<()> {
    docker_compose(&["up", "--detach", "--no-build", "--wait"], &[]).await.map(drop)
}

/// Stops and removes all containers, not their data.
pub async fn down() -> anyhow::Result<()> {
    docker_compose(&["down"], &[]).await.map(drop)
}

/// Runs a command at the root of the project, where `docker-compose.yml` and `.env` are; what it printed.
async fn docker_compose(what: &[&str], with: &[&str]) -> anyhow::Result<String> {
    let arguments = [&["compose"], what, with].concat();
    let line = format!("`docker {}`", arguments.join(" "));
    let mut command = Command::new("docker");
    command.args(arguments).current_dir(project("")).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(DONE_WITHIN, command.output())
        .await
        .with_context(|| format!("{line} did not end within {DONE_WITHIN:?}"))?
        .with_context(|| format!("{line} cannot be run, is Docker installed?"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{line}: {}: {}", output.status, complaint.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
