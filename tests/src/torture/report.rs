//! What came of the runs: one JSON line a block, a table of all, and what they had to come to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// One run of a fault.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The row of the table.
    pub row: String,
    /// The fault in full.
    pub fault: String,
    /// Times a program was killed in it.
    pub kills: usize,
    /// Orders accepted from the run before to the end of this one.
    pub orders: usize,
    /// Duplicates dropped meanwhile, as far as the processes lived to tell.
    pub dropped: u64,
    /// Until all went on.
    pub recovery_ms: Option<u64>,
    /// What went wrong in this run.
    pub failed: Option<String>,
}

/// A block that was judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Done {
    /// Its name in the plan.
    pub block: String,
    /// Its runs.
    pub runs: Vec<Run>,
    /// All orders accepted, also those of after the last fault.
    pub orders: usize,
    /// Duplicates dropped, also those of after the last fault.
    pub dropped: u64,
    /// Broken rules, in sentences.
    pub violations: Vec<String>,
    /// How long it took, start and end of its store included.
    pub took_s: u64,
}

impl Done {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.violations.is_empty() && self.runs.iter().all(|run| run.failed.is_none())
    }
}

/// Kills of the whole run, and orders accepted in runs with kills.
const KILLS_MIN: usize = 500;
const ORDERS_MIN: usize = 200_000;
/// A killed program handles again.
const KILLED_MS_MAX: u64 = 3_000;
/// An order is settled and its mail sent, from when the part is back.
const RESTARTED_MS_MAX: u64 = 5_000;

/// What the whole run has not come to.
pub fn missed(all: &[Done]) -> Vec<String> {
    let runs = || all.iter().flat_map(|done| &done.runs);
    let mut missed: Vec<String> = all
        .iter()
        .filter(|done| !done.is_good())
        .map(|done| format!("{}: not in order", done.block))
        .collect();
    let kills: usize = runs().map(|run| run.kills).sum();
    let orders: usize = runs().filter(|run| run.kills > 0).map(|run| run.orders).sum();
    if kills < KILLS_MIN || orders < ORDERS_MIN {
        missed.push(format!(
            "{kills} kills and {orders} orders in them: at least {KILLS_MIN} and {ORDERS_MIN}"
        ));
    }
    if all.iter().all(|done| done.dropped == 0) {
        missed.push("no duplicate was dropped: nothing is proved".to_owned());
    }
    let late = runs().filter(|run| run.recovery_ms.is_some_and(|took| took > limit_ms(&run.row)));
    missed.extend(late.map(|run| format!("{}: goes on after {} only", run.fault, seconds(run.recovery_ms))));
    missed
}

fn limit_ms(row: &str) -> u64 {
    let killed = [Fault::KILLED, Fault::AT_A_POINT].contains(&row);
    let restarted = [Fault::KafkaRestart, Fault::PostgresRestart].iter().any(|fault| fault.row() == row);
    let limit = killed.then_some(KILLED_MS_MAX).or(restarted.then_some(RESTARTED_MS_MAX));
    limit.unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Row {
    runs: usize,
    orders: usize,
    violations: usize,
    dropped: u64,
    recovery_ms: Vec<u64>,
}

/// The table. A rule that is broken in a store is counted in each row of the faults that were done to it.
pub fn table(all: &[Done]) -> String {
    let mut rows = BTreeMap::<&str, Row>::new();
    for done in all {
        for run in &done.runs {
            let row = rows.entry(&run.row).or_default();
            row.runs += 1;
            row.orders += run.orders;
            row.violations += usize::from(run.failed.is_some());
            row.dropped += run.dropped;
            row.recovery_ms.extend(run.recovery_ms);
        }
        let names: BTreeSet<&str> = done.runs.iter().map(|run| run.row.as_str()).collect();
        for name in names {
            rows.entry(name).or_default().violations += done.violations.len();
        }
    }
    let mut text = String::from(
        "| fault | runs | orders | violations | duplicates dropped | recovery p50 | max |\n|---|---:|---:|---:|---:|---:|---:|\n",
    );
    for (name, mut row) in rows {
        row.recovery_ms.sort_unstable();
        let p50 = row.recovery_ms.get(row.recovery_ms.len() / 2).copied();
        let max = row.recovery_ms.last().copied();
        let Row { runs, orders, violations, dropped, .. } = row;
        let (p50, max) = (seconds(p50), seconds(max));
        let _infallible =
            writeln!(text, "| {name} | {runs} | {orders} | {violations} | {dropped} | {p50} | {max} |");
    }
    text + "\n" + &sums(all)
}

fn sums(all: &[Done]) -> String {
    let runs = || all.iter().flat_map(|done| &done.runs);
    let kills: usize = runs().map(|run| run.kills).sum();
    let killed: usize = runs().filter(|run| run.kills > 0).map(|run| run.orders).sum();
    let orders: usize = all.iter().map(|done| done.orders).sum();
    let dropped: u64 = all.iter().map(|done| done.dropped).sum();
    let violations: usize = all.iter().map(|done| done.violations.len()).sum();
    let failed = runs().filter(|run| run.failed.is_some()).count();
    let took = Duration::from_secs(all.iter().map(|done| done.took_s).sum());
    format!(
        "{} runs with {kills} kills, {orders} orders, {killed} of them in runs with kills; {violations} violations, \
         {failed} failed runs; {dropped} duplicates dropped; {} min of stores.\n",
        runs().count(),
        took.as_secs().div_ceil(60),
    )
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run")]
fn seconds(ms: Option<u64>) -> String {
    ms.map_or_else(|| "–".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(row: &str, kills: usize, orders: usize, recovery_ms: u64) -> Done {
        let (row, fault) = (row.to_owned(), format!("{row}: order"));
        let run = Run { row, fault, kills, orders, dropped: 7, recovery_ms: Some(recovery_ms), failed: None };
        Done {
            block: "kills 0".to_owned(),
            runs: vec![run],
            orders,
            dropped: 7,
            violations: vec![],
            took_s: 61,
        }
    }

    #[test]
    fn a_run_that_came_to_everything_has_missed_nothing() {
        let all = [done(Fault::KILLED, 500, 200_000, 3_000), done("disk of a database full", 0, 10, 60_000)];
        assert_eq!(missed(&all), [] as [&str; 0]);
        let table = table(&all);
        assert!(table.contains("| kill -9 | 1 | 200000 | 0 | 7 | 3.0 s | 3.0 s |"), "{table}");
        assert!(table.contains("2 runs with 500 kills, 200010 orders, 200000 of them"), "{table}");
    }

    #[test]
    fn what_is_late_broken_few_or_proves_nothing_is_missed() {
        let good = done(Fault::KILLED, 500, 200_000, 3_000);
        let spoil: [fn(&mut Done); 7] = [
            |done| done.runs[0].recovery_ms = Some(3_001),
            |done| (done.runs[0].row, done.runs[0].recovery_ms) = (Fault::KafkaRestart.row(), Some(5_001)),
            |done| done.runs[0].failed = Some("it never came".to_owned()),
            |done| done.violations.push("an order is lost".to_owned()),
            |done| done.runs[0].kills = 499,
            |done| done.runs[0].orders = 199_999,
            |done| done.dropped = 0,
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let mut bad = good.clone();
            spoil(&mut bad);
            assert_eq!(missed(&[bad]).len(), 1, "{number}");
        }
    }
}
