//! Does the blocks of a plan one after the other, remembers what came of each, and goes on where it was interrupted.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::Instant;

use super::crowd::Crowd;
use super::fault::Fault;
use super::fleet::Fleet;
use super::ground::Ground;
use super::plan::{Block, Load};
use super::report::{Done, Run};
use super::site::Site;
use super::verdict::{judge, judge_the_end};
use crate::Visit;

/// How it is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where stores, logs and the state are.
    pub dir: PathBuf,
    /// Orders a second at a store with [`Load::Full`].
    pub rate: u32,
    /// The file with a line for each block that was judged; those in it are not done again.
    pub state: Option<PathBuf>,
    /// Says what happens.
    pub say: fn(&str),
}

/// As patient as the longest outage.
const PATIENCE: Duration = Duration::from_mins(3);

/// Blocks that are still to be done, by whoever is free next.
#[derive(Debug)]
pub struct Queue(Mutex<VecDeque<(u64, Block)>>);

/// What somebody takes from a [`Queue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// What is next.
    Any,
    /// What can be done beside others, see [`Load::Light`].
    Light,
}

impl Queue {
    /// Those of a plan that were not done earlier, and what came of those that were.
    pub fn left(blocks: Vec<Block>, settings: &Settings) -> (Self, Vec<Done>) {
        let done = settings.state.as_deref().map(earlier).unwrap_or_default();
        let left = (0..).zip(blocks).filter(|(_, block)| done.iter().all(|done| done.block != block.name));
        (Self(Mutex::new(left.collect())), done)
    }

    fn next(&self, lane: Lane) -> Option<(u64, Block)> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |(_, block): &(u64, Block)| lane == Lane::Any || block.load == Load::Light;
        let next = left.iter().position(fits)?;
        left.remove(next)
    }
}

/// Does blocks until none is left. Logs of those in which something went wrong are kept.
pub async fn run(
    ground: &mut Ground<'_>,
    queue: &Queue,
    lane: Lane,
    settings: &Settings,
) -> anyhow::Result<Vec<Done>> {
    let mut all = Vec::new();
    while let Some((number, block)) = queue.next(lane) {
        let dir = settings.dir.join(block.name.replace(' ', "-"));
        let _none = std::fs::remove_dir_all(&dir);
        let mut random = StdRng::seed_from_u64(number);
        let done = one(ground, &block, settings, &dir, &mut random).await;
        let done = done.with_context(|| format!("block {}", block.name))?;
        if done.is_good() {
            std::fs::remove_dir_all(&dir)?;
        } else {
            (settings.say)(&format!("{}: kept {}: {:?}", block.name, dir.display(), done.violations));
        }
        if let Some(state) = &settings.state {
            let mut file = OpenOptions::new().create(true).append(true).open(state)?;
            writeln!(file, "{}", serde_json::to_string(&done)?)?;
        }
        all.push(done);
    }
    Ok(all)
}

fn earlier(state: &Path) -> Vec<Done> {
    let text = std::fs::read_to_string(state).unwrap_or_default();
    // The last line of a run that was killed may be half of one.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

async fn one(
    ground: &mut Ground<'_>,
    block: &Block,
    settings: &Settings,
    dir: &Path,
    random: &mut StdRng,
) -> anyhow::Result<Done> {
    let began = Instant::now();
    let mut fleet = Fleet::open(&ground.endpoints(), dir).await?;
    let visit = Visit::alone(fleet.client.clone()).patient(PATIENCE);
    visit.register(visit.customer, "Grace Hopper").await;
    Crowd::prepare(&visit).await;
    let visit = Arc::new(visit);
    let crowd = Crowd::come(&visit, block.load.of(settings.rate));
    let mut runs = Vec::new();
    for (number, fault) in block.faults.iter().enumerate() {
        let (before, dropped) = (crowd.accepted(), fleet.dropped().await);
        let mut site = Site { ground, fleet: &mut fleet, visit: &visit, random };
        let outcome = site.carry_out(*fault).await;
        let lost = fleet.ended();
        let outcome = outcome.and_then(|took| {
            anyhow::ensure!(lost.is_empty(), "ended by itself: {lost:?}");
            Ok(took)
        });
        let dropped = fleet.dropped().await - dropped;
        let run = noted(*fault, crowd.accepted() - before, dropped, outcome);
        (settings.say)(&sentence(block, number, &run));
        let failed = run.failed.is_some();
        runs.push(run);
        if failed {
            break; // what the store would do next says nothing any more
        }
    }
    let orders = crowd.accepted();
    let mut violations = Vec::new();
    match crowd.leave().await {
        Ok(_) => {
            let ended = block.faults.iter().any(|fault| fault.ends_the_store());
            let judged =
                if ended { judge_the_end(&fleet, &visit).await } else { judge(&fleet, &visit).await };
            violations = judged.unwrap_or_else(|error| vec![format!("{error:#}")]);
        }
        Err(error) => violations.push(format!("{error:#}")),
    }
    let dropped = fleet.dropped().await;
    if let Err(error) = fleet.close().await {
        violations.push(format!("{error:#}"));
    }
    let took_s = began.elapsed().as_secs();
    Ok(Done { block: block.name.clone(), runs, orders, dropped, violations, took_s })
}

fn noted(fault: Fault, orders: usize, dropped: u64, outcome: anyhow::Result<Duration>) -> Run {
    let (recovery_ms, failed) = match outcome {
        Ok(took) => (u64::try_from(took.as_millis()).ok(), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    Run {
        row: fault.row(),
        fault: fault.to_string(),
        kills: fault.kills(),
        orders,
        dropped,
        recovery_ms,
        failed,
    }
}

fn sentence(block: &Block, number: usize, run: &Run) -> String {
    let came = match (&run.failed, run.recovery_ms) {
        (Some(failed), _) => format!("FAILED: {failed}"),
        (None, recovery) => format!("goes on after {} ms", recovery.unwrap_or_default()),
    };
    format!(
        "{} {}/{}: {}: {} orders, {came}",
        block.name,
        number + 1,
        block.faults.len(),
        run.fault,
        run.orders
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_works_beside_another_takes_only_what_is_light() {
        let block =
            |name: &str, load| (0, Block { name: name.to_owned(), faults: vec![Fault::AllKilled], load });
        let blocks = [block("kills", Load::Full), block("parts", Load::Less), block("away", Load::Light)];
        let queue = Queue(Mutex::new(blocks.into()));
        let next = |lane| queue.next(lane).map(|(_, block)| block.name);
        assert_eq!(next(Lane::Light).as_deref(), Some("away"));
        assert_eq!(next(Lane::Light), None);
        assert_eq!(next(Lane::Any).as_deref(), Some("kills"));
        assert_eq!(next(Lane::Any).as_deref(), Some("parts"));
        assert_eq!(next(Lane::Any), None);
    }
}
