//! A scripted day at a running store, told as a story and checked at the end: against the script, and by the invariants.
//! `storectl demo` plays it at any store, `counterflow demo` at one of its own, where programs may be stopped as well.

mod log;
mod rules;
mod scenes;
mod story;
mod table;

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use messaging::Settings;
use tokio::time::Instant;

use crate::client::Client;
use crate::order;
use crate::programs::Program;

pub use log::LogArgs;
use scenes::Scene;
pub use story::Story;

/// Whoever runs the programs of the store, and can stop and start them while the day is played.
pub trait Control {
    /// Stops a program in good order.
    fn stop(&mut self, program: Program) -> impl Future<Output = anyhow::Result<()>> + Send;
    /// Starts it again, where it was.
    fn start(&mut self, program: Program) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// The programs of a store that others run: nobody can stop them from here, and nobody has one of these.
#[derive(Debug)]
pub enum NotOurs {}

impl Control for NotOurs {
    async fn stop(&mut self, _: Program) -> anyhow::Result<()> {
        match *self {}
    }

    async fn start(&mut self, _: Program) -> anyhow::Result<()> {
        match *self {}
    }
}

/// Plays the day and prints it; an error when anything is not as it should be. Without `control` the scenes that need it are
/// left out, and the output says so. `started` is when the command was given.
pub async fn play<C: Control>(
    client: &Client,
    story: Story,
    control: Option<&mut C>,
    started: Instant,
) -> anyhow::Result<()> {
    let played = scenes::play(client, &story, control, started).await;
    let rows = match &played {
        Ok(played) => table::check(client, &played.scenes).await,
        Err(_) => Ok(Vec::new()),
    };
    let log = story.log().cloned();
    if story.end().await {
        progress(
            "the log that was followed has nothing of this day: are KAFKA_BOOTSTRAP and TOPIC_PREFIX those of the store?",
        );
    }
    let (played, rows) = (played?, rows?);
    print(&table::render(&rows))?;
    let broken = rules::broken(client, &played).await?;
    for violation in &broken {
        print(&format!("{violation}\n"))?;
    }
    if let Some(log) = &log {
        retell(log, client, &played.scenes).await?;
    }
    let failed = rows.iter().filter(|row| !row.passed()).count();
    let left_out = match played.left_out {
        0 => String::new(),
        left_out => format!(", {left_out} left out"),
    };
    let (passed, all, took) = (rows.len() - failed, rows.len(), started.elapsed().as_secs_f64());
    print(&format!("{passed} of {all} as expected{left_out}, in {took:.1} s\n"))?;
    if failed > 0 {
        bail!("{failed} of {all} scenes did not end as they should");
    }
    if !broken.is_empty() {
        bail!("{} invariants of the business are broken", broken.len());
    }
    Ok(())
}

/// One order of the day, as `storectl order` tells it: the one that took the longest way.
async fn retell(log: &Settings, client: &Client, scenes: &[Scene]) -> anyhow::Result<()> {
    let Some(scene) = scenes.iter().find(|scene| scene.name == scenes::CHANGED_MIND) else { return Ok(()) };
    let (id, mut told) = (scene.order.parse()?, Vec::new());
    let found = order::retold(log, client, id, &mut told).await?;
    ensure!(found, "the log that was followed has nothing of the order {id}");
    print(&format!("\nThe whole story of one order, by `storectl order {id}`:\n"))?;
    print(&String::from_utf8_lossy(&told))?;
    print("\n")
}

/// The day at a store that others run. Waits at most `within` for it.
pub async fn visit(client: &Client, log: &LogArgs, within: Duration) -> anyhow::Result<()> {
    let started = Instant::now();
    client
        .serving(within)
        .await
        .context("there is no store to play at: start one by `make run` or `docker compose up`")?;
    let story = match log.follow().await {
        Ok(story) => story,
        Err(error) => {
            progress(&format!("{error:#}"));
            progress("the story is told by the order service instead of the log");
            Story::untold()
        }
    };
    play::<NotOurs>(client, story, None, started).await
}

/// Standard error: the story on standard output can be kept in a file.
pub fn progress(text: &str) {
    let _ = writeln!(std::io::stderr(), "demo: {text}");
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
