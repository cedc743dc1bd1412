//! How each fault is done and undone: one match.

use std::time::Duration;

use anyhow::Context as _;
use messaging::FailPoint;
use rand::RngExt as _;
use rand::rngs::StdRng;
use stack::Part;
use storectl::Program;
use tokio::time::{Instant, sleep};

use super::disk;
use super::fault::{Fault, KILL_EVERY_S};
use super::fleet::{Fleet, SERVICES};
use super::ground::Ground;
use super::probe::settles;
use super::refusal::{retention_cut, topic_deleted};
use super::ways::Way;
use crate::Visit;

/// What faults are done to.
pub struct Site<'a, 'g> {
    /// The parts.
    pub ground: &'a mut Ground<'g>,
    /// The programs.
    pub fleet: &'a mut Fleet,
    /// Who looks whether all goes on.
    pub visit: &'a Visit,
    /// For random times.
    pub random: &'a mut StdRng,
}

/// A program that is started again handles something within this long, or something is wrong.
const HANDLES_WITHIN: Duration = Duration::from_mins(1);
/// A program reaches each point of its work within this long.
const DIES_WITHIN: Duration = Duration::from_secs(40);
/// A service writes what grows within this long.
const MEETS_WITHIN: Duration = Duration::from_secs(30);
/// A fault that is not over by itself.
const LASTS: Duration = Duration::from_secs(2);
/// Longer than the session time-out and the leases, 6 s.
const FROZEN: Duration = Duration::from_secs(8);
const LATE: Duration = Duration::from_millis(300);
const NARROW_BYTES_A_SECOND: u32 = 64 * 1024;
const HOUR_S: u64 = 3_600;

impl Site<'_, '_> {
    /// Does it and undoes it. How long it took from then until all went on.
    pub async fn carry_out(&mut self, fault: Fault) -> anyhow::Result<Duration> {
        match fault {
            Fault::Kill(program) => self.kill(program).await,
            Fault::FailPoint(program, point) => self.fail_point(program, point).await,
            Fault::Zombie(program) => self.zombie(program).await,
            Fault::Pair(program) => self.pair(program).await,
            Fault::Scale => self.scale().await,
            Fault::Cut(way) => self.while_it_lasts(way, |fleet| fleet.way(way).cut()).await,
            Fault::Slow(way) => self.while_it_lasts(way, |fleet| fleet.way(way).slow(LATE)).await,
            Fault::Narrow(way) => {
                self.while_it_lasts(way, |fleet| fleet.way(way).narrow(NARROW_BYTES_A_SECOND)).await
            }
            Fault::HalfOpen(way) => self.while_it_lasts(way, |fleet| fleet.way(way).swallow()).await,
            Fault::KafkaAway(seconds) => self.kafka_away(seconds).await,
            Fault::KafkaRestart => {
                self.ground.own()?.kill(Part::Kafka).await?;
                self.back(Part::Kafka).await
            }
            Fault::PostgresRestart => {
                self.ground.own()?.stop_immediate().await?;
                self.back(Part::Postgres).await
            }
            Fault::AllKilled => self.all_killed().await,
            Fault::DiskFull(program) => {
                let retries = self.retries(program).await;
                let disk = disk::fill(self.fleet, program).await?;
                let met = self.retries_again(program, retries).await;
                disk.empty().await?;
                met?;
                self.goes_on(Instant::now()).await
            }
            Fault::ClockForward(program) => self.clock(program, HOUR_S).await,
            Fault::ClockBack(program) => self.clock(program, 0).await,
            Fault::TopicDeleted => topic_deleted(self.fleet).await,
            Fault::RetentionCut => retention_cut(self.fleet).await,
        }
    }

    async fn kill(&mut self, program: Program) -> anyhow::Result<Duration> {
        self.some_time().await;
        let at = Instant::now();
        self.fleet.kill(program, 0).await?;
        self.again(program, at).await
    }

    async fn again(&mut self, program: Program, since: Instant) -> anyhow::Result<Duration> {
        self.fleet.start(program, 0, &[])?;
        self.fleet.handles(program, 0, HANDLES_WITHIN).await?;
        Ok(since.elapsed())
    }

    async fn fail_point(&mut self, program: Program, point: FailPoint) -> anyhow::Result<Duration> {
        let times = self.random.random_range(1..=10);
        let mut armed = vec![("FAIL_POINT", format!("{}:{times}", point.name()))];
        if matches!(point, FailPoint::SweepCommitting | FailPoint::SweepCommitted) {
            armed = vec![("FAIL_POINT", point.name().to_owned()), ("ORDER_DEADLINE", "1ms".to_owned())];
        }
        self.fleet.kill(program, 0).await?;
        self.fleet.start(program, 0, &armed)?;
        let died = self.fleet.process(program, 0)?.dies(DIES_WITHIN).await;
        let at = Instant::now();
        drop(self.fleet.take(program, 0).await?);
        let recovered = self.again(program, at).await?;
        died.with_context(|| format!("{} never came to {}", program.name(), point.name()))?;
        Ok(recovered)
    }

    async fn zombie(&mut self, program: Program) -> anyhow::Result<Duration> {
        self.fleet.start(program, 1, &[])?;
        self.fleet.ready(program, 1).await?;
        self.fleet.process(program, 0)?.freeze()?;
        sleep(FROZEN).await;
        self.fleet.process(program, 0)?.thaw()?;
        let recovered = self.goes_on(Instant::now()).await?;
        self.fleet.stop(program, 1).await?;
        Ok(recovered)
    }

    async fn pair(&mut self, program: Program) -> anyhow::Result<Duration> {
        self.instances(1..2).await?;
        self.some_time().await;
        let at = Instant::now();
        self.fleet.kill(program, 1).await?;
        let recovered = self.goes_on(at).await?;
        for other in SERVICES.into_iter().filter(|other| *other != program) {
            self.fleet.stop(other, 1).await?;
        }
        Ok(recovered)
    }

    async fn scale(&mut self) -> anyhow::Result<Duration> {
        self.instances(1..3).await?;
        sleep(LASTS).await;
        let at = Instant::now();
        for program in SERVICES {
            self.fleet.stop(program, 1).await?;
            self.fleet.stop(program, 2).await?;
        }
        self.goes_on(at).await
    }

    async fn instances(&mut self, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
        for number in numbers.clone() {
            for program in SERVICES {
                self.fleet.start(program, number, &[])?;
            }
        }
        for number in numbers {
            for program in SERVICES {
                self.fleet.ready(program, number).await?;
            }
        }
        Ok(())
    }

    async fn while_it_lasts(&mut self, way: Way, begin: impl Fn(&Fleet)) -> anyhow::Result<Duration> {
        begin(self.fleet);
        sleep(LASTS).await;
        self.fleet.way(way).open();
        self.goes_on(Instant::now()).await
    }

    async fn kafka_away(&mut self, seconds: u64) -> anyhow::Result<Duration> {
        self.fleet.way(Way::Kafka).cut();
        for kill in 0..seconds / KILL_EVERY_S {
            sleep(Duration::from_secs(KILL_EVERY_S)).await;
            let program = SERVICES[usize::try_from(kill)? % SERVICES.len()];
            self.fleet.kill(program, 0).await?;
            self.fleet.start(program, 0, &[])?;
        }
        self.fleet.way(Way::Kafka).open();
        self.goes_on(Instant::now()).await
    }

    async fn all_killed(&mut self) -> anyhow::Result<Duration> {
        for program in Program::ALL {
            self.fleet.kill(program, 0).await?;
        }
        for part in Part::ALL {
            self.ground.own()?.kill(part).await?;
        }
        for part in [Part::Postgres, Part::Kafka, Part::Registry] {
            self.ground.own()?.restart(part).await?;
        }
        let at = Instant::now();
        for program in Program::ALL {
            self.fleet.start(program, 0, &[])?;
        }
        self.goes_on(at).await
    }

    async fn clock(&mut self, program: Program, ahead_s: u64) -> anyhow::Result<Duration> {
        self.fleet.set(program, "CLOCK_AHEAD_S", ahead_s.to_string());
        self.kill(program).await
    }

    async fn retries(&self, program: Program) -> u64 {
        self.fleet.sum(program, 0, "messaging_retries_total").await.unwrap_or_default()
    }

    /// A disk that nobody writes to may be as full as it likes.
    async fn retries_again(&self, program: Program, before: u64) -> anyhow::Result<()> {
        let end = Instant::now() + MEETS_WITHIN;
        while self.retries(program).await <= before {
            anyhow::ensure!(Instant::now() < end, "{} never met the full disk", program.name());
            sleep(LASTS / 20).await;
        }
        sleep(LASTS).await;
        Ok(())
    }

    async fn back(&mut self, part: Part) -> anyhow::Result<Duration> {
        self.ground.own()?.restart(part).await?;
        self.goes_on(Instant::now()).await
    }

    async fn goes_on(&self, since: Instant) -> anyhow::Result<Duration> {
        settles(self.fleet, self.visit).await?;
        Ok(since.elapsed())
    }

    async fn some_time(&mut self) {
        sleep(Duration::from_millis(self.random.random_range(0..2_000))).await;
    }
}
