//! Every fault there is, and what it is called.

use std::fmt;

use messaging::FailPoint;
use storectl::Program;

use super::ways::Way;

/// How often services are killed while Kafka is away.
pub(super) const KILL_EVERY_S: u64 = 5;

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
    /// Every program and every part is killed at once, and started again.
    AllKilled,
    /// The tables of a database that grow are on a disk that is full.
    DiskFull(Program),
    /// A service is started again with its clock an hour ahead.
    ClockForward(Program),
    /// It is started again by the right time, after a while with a clock an hour ahead.
    ClockBack(Program),
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
            Self::AllKilled => "all killed at once".to_owned(),
            Self::DiskFull(_) => "disk of a database full".to_owned(),
            Self::ClockForward(_) => "clock 1 h forward".to_owned(),
            Self::ClockBack(_) => "clock 1 h back".to_owned(),
            Self::TopicDeleted => "topic deleted and made anew: refused".to_owned(),
            Self::RetentionCut => "retention shorter than the lag: refused".to_owned(),
        }
    }

    /// Times a program is killed in it.
    pub fn kills(self) -> usize {
        match self {
            Self::Kill(_) | Self::FailPoint(..) | Self::Pair(_) => 1,
            Self::AllKilled => Program::ALL.len(),
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
            | Self::ClockForward(program)
            | Self::ClockBack(program) => write!(f, "{}: {}", self.row(), program.name()),
            Self::FailPoint(program, point) => {
                write!(f, "{}: {} at {}", self.row(), program.name(), point.name())
            }
            _ => f.write_str(&self.row()),
        }
    }
}
