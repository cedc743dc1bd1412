//! What was measured, as JSON and as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::latency::Percentiles;

/// Latencies at one rate.
#[derive(Clone, Debug, Serialize)]
pub struct AtRate {
    /// Orders a second.
    pub rate: u32,
    /// Until the decision was known.
    pub decided_ms: Percentiles,
    /// Until `POST /orders` was answered.
    pub post_ms: Percentiles,
    /// Calls that failed.
    pub failed: u64,
}

/// All latencies.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the report")]
pub struct Latency {
    /// One line an order.
    pub at_20_per_s: AtRate,
    /// One line an order.
    pub at_half_of_max: AtRate,
    /// Five lines an order.
    pub at_20_per_s_5_lines: AtRate,
}

/// The result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Processor, cores, memory.
    pub machine: String,
    /// Of this project and the parts.
    pub versions: BTreeMap<&'static str, &'static str>,
    /// What the store was started with.
    pub settings: &'static str,
    /// The rate that was offered at the maximum.
    pub offered_per_s: u32,
    /// Settled a second over the measurement, one line an order.
    pub orders_per_s_settled: f64,
    /// The same with five lines an order, at the same or half the rate.
    pub orders_per_s_settled_5_lines: f64,
    /// Length of the measurement.
    pub seconds: f64,
    /// Orders not settled when the measurement began and when it ended: a difference is a growing backlog.
    pub backlog: (f64, f64),
    /// By rate.
    pub latency: Latency,
    /// Processor time in the measurement at the maximum.
    pub cpu_s: BTreeMap<&'static str, f64>,
    /// Memory after the run.
    pub rss_mb: BTreeMap<&'static str, f64>,
    /// Most unsent rows seen, over all services.
    pub outbox_rows_peak: f64,
    /// Most records not handled yet, over all services.
    pub consumer_lag_records_peak: f64,
    /// Rules broken.
    pub violations: Vec<String>,
}

const SERVICES: [&str; 4] = ["order", "inventory", "billing", "email"];

impl Report {
    /// Floors of the project that this run missed.
    pub fn missed_floors(&self) -> Vec<String> {
        let decided = self.latency.at_20_per_s.decided_ms;
        let memory: Vec<f64> = SERVICES.iter().filter_map(|name| self.rss_mb.get(name).copied()).collect();
        let floors = [
            (
                self.orders_per_s_settled >= 500.0,
                format!("{:.0} orders/s settled, floor 500", self.orders_per_s_settled),
            ),
            (decided.p50 <= 40.0, format!("decided p50 {} ms at 20/s, floor 40", decided.p50)),
            (decided.p99 <= 200.0, format!("decided p99 {} ms at 20/s, floor 200", decided.p99)),
            (
                memory.iter().all(|mb| *mb <= 60.0),
                format!("memory of the services {memory:.0?} MB, floor 60 each"),
            ),
            (
                memory.iter().sum::<f64>() <= 150.0,
                format!("memory of all services {:.0} MB, floor 150", memory.iter().sum::<f64>()),
            ),
        ];
        floors.into_iter().filter(|(met, _)| !met).map(|(_, sentence)| sentence).collect()
    }

    /// For people.
    pub fn render(&self) -> String {
        let mut text = format!("\n{}\n{}\n\n", self.machine, self.settings);
        let _ = writeln!(
            text,
            "settled        {:.0} orders/s over {:.0} s (offered {}), backlog {:.0} -> {:.0}",
            self.orders_per_s_settled, self.seconds, self.offered_per_s, self.backlog.0, self.backlog.1
        );
        let _ = writeln!(text, "  5 lines      {:.0} orders/s", self.orders_per_s_settled_5_lines);
        let latency = &self.latency;
        for (name, at) in [
            ("1 line", &latency.at_20_per_s),
            ("1 line", &latency.at_half_of_max),
            ("5 lines", &latency.at_20_per_s_5_lines),
        ] {
            let (decided, post) = (at.decided_ms, at.post_ms);
            let _ = writeln!(
                text,
                "at {:>4}/s {name:<8} decided p50 {} p95 {} p99 {} ms   POST p50 {} p95 {} p99 {} ms   failed {}",
                at.rate, decided.p50, decided.p95, decided.p99, post.p50, post.p95, post.p99, at.failed
            );
        }
        let _ = writeln!(text, "\n{:<16} {:>8} {:>8}", "", "cpu s", "rss MB");
        for (name, cpu) in &self.cpu_s {
            let _ = writeln!(
                text,
                "{name:<16} {cpu:>8.1} {:>8.1}",
                self.rss_mb.get(name).copied().unwrap_or(0.0)
            );
        }
        let _ = writeln!(
            text,
            "\npeaks: {} rows in the outboxes, {} records of lag",
            self.outbox_rows_peak, self.consumer_lag_records_peak
        );
        let _ = writeln!(text, "violations: {}", self.violations.len());
        for violation in self.violations.iter().take(20) {
            let _ = writeln!(text, "  {violation}");
        }
        let missed = self.missed_floors();
        let _ = writeln!(
            text,
            "floors: {}",
            if missed.is_empty() { "met".to_owned() } else { format!("MISSED: {}", missed.join("; ")) }
        );
        text
    }
}

/// Processor, cores and memory of this machine.
pub fn machine() -> String {
    let read = |file: &str, field: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix(field))
            .unwrap_or_default()
            .trim_start_matches([' ', '\t', ':'])
            .to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!(
        "{}, {cores} cores, memory {}",
        read("/proc/cpuinfo", "model name"),
        read("/proc/meminfo", "MemTotal")
    )
}
