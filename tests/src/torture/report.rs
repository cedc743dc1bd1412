//! What came of the runs: one JSON line each, and a table of all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    /// Duplicates dropped, as far as the processes lived to tell.
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

#[derive(Default)]
struct Row {
    runs: usize,
    orders: usize,
    violations: usize,
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
            row.recovery_ms.extend(run.recovery_ms);
        }
        let names: std::collections::BTreeSet<&str> = done.runs.iter().map(|run| run.row.as_str()).collect();
        for name in names {
            rows.entry(name).or_default().violations += done.violations.len();
        }
    }
    let mut text = String::from("| fault | runs | orders | violations | recovery p50 | max |\n|---|---:|---:|---:|---:|---:|\n");
    for (name, mut row) in rows {
        row.recovery_ms.sort_unstable();
        let p50 = row.recovery_ms.get(row.recovery_ms.len() / 2).copied();
        let max = row.recovery_ms.last().copied();
        let Row { runs, orders, violations, .. } = row;
        let _infallible =
            writeln!(text, "| {name} | {runs} | {orders} | {violations} | {} | {} |", seconds(p50), seconds(max));
    }
    text + &sums(all)
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
        "\n{} runs with {kills} kills, {orders} orders ({killed} in runs with kills), {violations} violations, {failed} failed runs, {dropped} duplicates dropped, {} min\n",
        runs().count(),
        took.as_secs().div_ceil(60),
    )
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run")]
fn seconds(ms: Option<u64>) -> String {
    ms.map_or_else(|| "–".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1_000.0))
}
