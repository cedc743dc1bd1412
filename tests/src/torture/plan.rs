//! Which faults, and how often.

use messaging::FailPoint;
use storectl::Program;

use super::disk;
use super::fault::Fault;
use super::fleet::SERVICES;
use super::ways::Way;

/// Faults that are done to one store, one after the other; then all is quiet, and the store is judged.
#[derive(Clone, Debug)]
pub struct Block {
    /// Unlike any other of the plan.
    pub name: String,
    /// In this order.
    pub faults: Vec<Fault>,
    /// How many orders are placed meanwhile.
    pub load: Load,
}

/// How many of the orders a second of a run a store is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// All.
    Full,
    /// Fewer: a part that is started again takes most of a core itself.
    Less,
    /// So few that it can be done beside another.
    Light,
}

impl Load {
    /// Orders a second at a store.
    pub fn of(self, rate: u32) -> u32 {
        let percent = match self {
            Self::Full => 100,
            Self::Less => 65,
            Self::Light => 25,
        };
        (rate * percent / 100).max(1)
    }
}

/// How often each fault is done that is not a kill.
const TIMES: usize = 10;
/// Stores in which nothing but kills is done.
const KILL_ROUNDS: usize = 4;
/// `kill -9` at a random time, in each of them.
const KILLS: usize = 120;
/// Stores whose Kafka goes away again and again.
const AWAY_ROUNDS: usize = 2;
/// How long Kafka is away.
const AWAY_S: u64 = 60;
const SHORT_AWAY_S: u64 = 10;

/// The points that a service comes to.
pub fn points(program: Program) -> Vec<FailPoint> {
    use FailPoint as P;
    let consumes = [P::PositionMoved, P::BatchCommitting, P::BatchCommitted];
    let publishes = [P::RecordSent, P::RecordAcked, P::RowsDeleted];
    let calls = [
        P::IntentsClaiming,
        P::IntentsClaimed,
        P::CallMaking,
        P::CallMade,
        P::IntentsConcluding,
        P::IntentsConcluded,
    ];
    let answers = [P::RequestCommitting, P::RequestCommitted];
    let takes = [P::OrdersCommitting, P::OrdersCommitted, P::SweepCommitting, P::SweepCommitted];
    let own: &[FailPoint] = match program {
        Program::Order => &[&takes[..], &answers, &[P::CompactedCommitted]].concat(),
        Program::Inventory => &answers,
        Program::Billing | Program::Email => &calls,
        Program::PaymentGateway => return Vec::new(),
    };
    [&consumes[..], &publishes, own].concat()
}

/// What `make torture` does.
pub fn long() -> Vec<Block> {
    let kills = (0..KILL_ROUNDS).map(kills);
    let parts = (0..TIMES).map(|round| Block {
        name: format!("parts {round}"),
        faults: others(round),
        load: Load::Less,
    });
    let away = (0..AWAY_ROUNDS).map(|round| Block {
        name: format!("away {round}"),
        faults: vec![Fault::KafkaAway(AWAY_S); TIMES / AWAY_ROUNDS],
        load: Load::Light,
    });
    let ends = (0..TIMES).flat_map(|round| last(round, Load::Light));
    let clocks = (0..TIMES).map(|round| Block {
        name: format!("clock {round}"),
        faults: clock(round),
        load: Load::Light,
    });
    kills.chain(parts).chain(away).chain(clocks).chain(ends).collect()
}

/// Half of the points, each of them at a random turn, and kills at random times.
fn kills(round: usize) -> Block {
    let points = every_point().into_iter().skip(round % 2).step_by(2);
    let kills = (0..KILLS).map(|kill| Fault::Kill(Program::ALL[(kill + round) % Program::ALL.len()]));
    Block {
        name: format!("kills {round}"),
        faults: mixed(points.collect(), kills.collect()),
        load: Load::Full,
    }
}

/// What `make test` does to a store on parts that others use: every point once, in one of the services that come to it.
pub fn short_points() -> Block {
    let of = |(number, point): (usize, FailPoint)| {
        let programs: Vec<Program> =
            SERVICES.into_iter().filter(|&program| points(program).contains(&point)).collect();
        Fault::FailPoint(programs[number % programs.len()], point)
    };
    let faults = FailPoint::ALL.into_iter().enumerate().map(of).collect();
    Block { name: "points".to_owned(), faults, load: Load::Full }
}

/// What it does to another, on parts of its own: each other fault once. Ways are cut by other tests as well, and a half-open one
/// to Postgres or Kafka takes long and has tests of its own: each is here for a part or two.
pub fn short_parts() -> Block {
    let mut faults = others(0);
    faults.retain(|fault| match fault {
        Fault::Cut(way) | Fault::Slow(way) | Fault::Narrow(way) => matches!(way, Way::Postgres | Way::Kafka),
        Fault::HalfOpen(way) => matches!(way, Way::Registry | Way::Gateway | Way::Smtp),
        _ => true,
    });
    faults.push(Fault::KafkaAway(SHORT_AWAY_S));
    faults.extend(clock(0));
    Block { name: "parts".to_owned(), faults, load: Load::Full }
}

/// Those after which a store is at its end: one each.
pub fn last(round: usize, load: Load) -> [Block; 2] {
    let block = |name, fault| Block { name: format!("{name} {round}"), faults: vec![fault], load };
    [block("topic deleted", Fault::TopicDeleted), block("retention cut", Fault::RetentionCut)]
}

fn every_point() -> Vec<Fault> {
    let of = |program| points(program).into_iter().map(move |point| Fault::FailPoint(program, point));
    SERVICES.into_iter().flat_map(of).collect()
}

/// Forward and back.
fn clock(round: usize) -> Vec<Fault> {
    let program = SERVICES[round % SERVICES.len()];
    vec![Fault::ClockForward(program), Fault::ClockBack(program)]
}

/// Each other fault, once; but that Kafka is away, or a clock wrong.
fn others(round: usize) -> Vec<Fault> {
    let program = SERVICES[round % SERVICES.len()];
    let mut faults = vec![Fault::Pair(program), Fault::Scale, Fault::Zombie(program)];
    for way in Way::ALL {
        faults.extend([Fault::Cut(way), Fault::Slow(way), Fault::Narrow(way), Fault::HalfOpen(way)]);
    }
    faults.extend([Fault::KafkaRestart, Fault::PostgresRestart]);
    if disk::is_possible() {
        faults.push(Fault::DiskFull(program));
    }
    faults.push(Fault::AllKilled);
    faults
}

/// What a plan on this machine does not have, and why.
pub fn left_out() -> Option<&'static str> {
    (!disk::is_possible())
        .then_some("left out: a database's disk that is full; mounting a small one takes root")
}

/// One of some and one of the others, as long as there are both.
fn mixed(some: Vec<Fault>, others: Vec<Fault>) -> Vec<Fault> {
    let (mut some, mut others) = (some.into_iter(), others.into_iter());
    let mut faults = Vec::new();
    loop {
        let before = faults.len();
        faults.extend(some.next());
        faults.extend(others.next());
        if faults.len() == before {
            return faults;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_point_is_reached_by_some_service() {
        let reached: BTreeSet<FailPoint> = SERVICES.into_iter().flat_map(points).collect();
        assert_eq!(reached, FailPoint::ALL.into_iter().collect());
    }

    #[test]
    fn the_long_run_kills_500_times_and_does_every_other_fault_ten_times() {
        let faults: Vec<Fault> = long().into_iter().flat_map(|block| block.faults).collect();
        let kills: usize = faults.iter().map(|fault| fault.kills()).sum();
        assert!(kills >= 500, "{kills}");
        let away = [Fault::KafkaAway(AWAY_S), Fault::TopicDeleted, Fault::RetentionCut];
        for fault in others(0).into_iter().chain(clock(0)).chain(away) {
            let times = faults.iter().filter(|other| other.row() == fault.row()).count();
            assert_eq!(times, TIMES, "{fault}");
        }
    }
}
