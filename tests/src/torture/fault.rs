//! Every fault there is: what it is called, and how it is done and undone.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use messaging::FailPoint;
use rand::RngExt as _;
use rand::rngs::StdRng;
use stack::Part;
use storectl::Program;
use tokio::time::{Instant, sleep};

use super::disk;
use super::fleet::{Fleet, SERVICES, Way};
use super::ground::Ground;
use super::probe::settles;
use super::refusal::{retention_cut, topic_deleted};
use crate::Visit;

/// What is done to a store under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`, at a random time.
    Kill(Program),
    /// The program kills itself at a point in its work.
    FailPoint(Program, FailPoint),
    /// `SIGSTOP` for longer than any lease or session lives, while another instance takes over, then `SIGCONT`.
    Zombie(Program),
    /// A second instance of every service; one of the two is killed, at a random time.
    Pair(Program),
    /// A second and a third instance of every service come and go.
    Scale,
    /// Connections end, and new ones too.
    Cut(Way),
    /// Every piece comes late.
    Slow(Way),
    /// Few bytes a second.
    Narrow(Way),
    /// Connections are dead and not told so.
    HalfOpen(Way),
    /// Kafka is not there for so many seconds, and services are killed meanwhile.
    KafkaAway(u64),
    /// The broker is killed and comes back.
    KafkaRestart,
    /// Postgres is shut down at once, without a checkpoint, and comes back.
    PostgresRestart,
    /// The tables of a database that grow are on a disk that is full.
    DiskFull(Program),
    /// A service is started again with its clock an hour ahead.
    ClockForward(Program),
    /// A topic is deleted by mistake, and made again.
    TopicDeleted,
    /// Retention removes what a service has not read.
    RetentionCut,
}

impl Fault {
    /// A row.
    pub const KILLED: &str = "kill -9";
    /// A row.
    pub const AT_A_POINT: &str = "kill -9 at a fail point";

    /// No service may go on by itself after it.
    pub fn ends_the_store(self) -> bool {
        matches!(self, Self::TopicDeleted | Self::RetentionCut)
    }

    /// The row of the table it is counted in.
    pub fn row(self) -> String {
        match self {
            Self::Kill(_) => Self::KILLED.to_owned(),
            Self::FailPoint(..) => Self::AT_A_POINT.to_owned(),
            Self::Zombie(_) => "frozen for 8 s, meanwhile replaced".to_owned(),
            Self::Pair(_) => "one of two instances killed".to_owned(),
            Self::Scale => "1, 3, 1 instances".to_owned(),
            Self::Cut(way) => format!("{} cut", way.name()),
            Self::Slow(way) => format!("{} slow", way.name()),
            Self::Narrow(way) => format!("{} narrow", way.name()),
            Self::HalfOpen(way) => format!("{} half open", way.name()),
            Self::KafkaAway(seconds) => format!("Kafka away for {seconds} s, meanwhile kills"),
            Self::KafkaRestart => "Kafka killed and restarted".to_owned(),
            Self::PostgresRestart => "Postgres restarted (immediate)".to_owned(),
            Self::DiskFull(_) => "disk of a database full".to_owned(),
            Self::ClockForward(_) => "clock 1 h forward".to_owned(),
            Self::TopicDeleted => "topic deleted and made anew: refused".to_owned(),
            Self::RetentionCut => "retention shorter than the lag: refused".to_owned(),
        }
    }

    /// Times a program is killed in it.
    pub fn kills(self) -> usize {
        match self {
            Self::Kill(_) | Self::FailPoint(..) | Self::Pair(_) => 1,
            Self::KafkaAway(seconds) => usize::try_from(seconds / KILL_EVERY_S).unwrap_or_default(),
            _ => 0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(program)
            | Self::Zombie(program)
            | Self::Pair(program)
            | Self::DiskFull(program)
            | Self::ClockForward(program) => write!(f, "{}: {}", self.row(), program.name()),
            Self::FailPoint(program, point) => {
                write!(f, "{}: {} at {}", self.row(), program.name(), point.name())
            }
            _ => f.write_str(&self.row()),
        }
    }
}

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
/// A fault that is not over by itself.
const LASTS: Duration = Duration::from_secs(2);
/// Longer than the session time-out and the leases, 6 s.
const FROZEN: Duration = Duration::from_secs(8);
const LATE: Duration = Duration::from_millis(300);
const NARROW_BYTES_A_SECOND: u32 = 64 * 1024;
const KILL_EVERY_S: u64 = 5;
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
            Fault::DiskFull(program) => {
                let disk = disk::fill(self.fleet, program).await?;
                sleep(LASTS).await;
                disk.empty().await?;
                self.goes_on(Instant::now()).await
            }
            Fault::ClockForward(program) => {
                let ahead = self.fleet.ahead_s(program) + HOUR_S;
                self.fleet.set(program, "CLOCK_AHEAD_S", ahead.to_string());
                self.kill(program).await
            }
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

    async fn back(&mut self, part: Part) -> anyhow::Result<Duration> {
        self.ground.own()?.restart(part).await?;
        self.goes_on(Instant::now()).await
    }

    async fn goes_on(&self, since: Instant) -> anyhow::Result<Duration> {
        settles(self.fleet, self.visit).await?;
        Ok(since.elapsed())
    }

    async fn some_time(&mut self) {
        sleep(Duration::from_millis(self.random.random_range(0..800))).await;
    }
}
