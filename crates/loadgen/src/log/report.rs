//! What was measured, as JSON and as text.

use std::fmt::Write as _;

use serde::Serialize;

/// One rebuild.
#[derive(Clone, Debug, Serialize)]
pub struct Rebuilt {
    /// Of which service, or `all`.
    pub of: String,
    /// Records folded.
    pub events: u64,
    /// From the start of the program to its end.
    pub seconds: f64,
    /// Of these.
    pub events_per_s: f64,
    /// The most it held.
    pub peak_rss_mb: f64,
}

/// An audit of all services.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Audited {
    /// How many there are.
    pub orders: u64,
    /// Records folded.
    pub events: u64,
    /// From the start of the program to its end.
    pub seconds: f64,
    /// The most it held.
    pub peak_rss_mb: f64,
}

/// The story of one order.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Which, by its place in the log.
    pub order: &'static str,
    /// Told without the services: nobody says where the story ends.
    pub to_the_end_ms: f64,
    /// Until a minute later.
    pub until_a_minute_later_ms: f64,
}

/// A service that was started on the tables it was given.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CaughtUp {
    /// Records it read again.
    pub records: u64,
    /// Until it had.
    pub seconds: f64,
    /// Effects in the gateway's ledger afterwards: each is a call made twice.
    pub calls: u64,
}

/// The result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Processor, cores, memory.
    pub machine: String,
    /// In the log.
    pub events: u64,
    /// In the log.
    pub orders: u64,
    /// Partitions of each topic.
    pub partitions: i32,
    /// How long it took to write the log.
    pub filled_s: f64,
    /// Into databases that were empty, all one after the other; then each again.
    pub rebuilds: Vec<Rebuilt>,
    /// Billing after its rebuild.
    pub caught_up: CaughtUp,
    /// While billing runs.
    pub audit: Audited,
    /// By place.
    pub stories: Vec<Told>,
    /// The longest that a write to the tables of a service took while a checkpoint of it was made.
    pub checkpoint_pause_ms: f64,
}

const EVENTS_PER_S: f64 = 20_000.0;
const REBUILD_MB: f64 = 100.0;
const AUDITED_ORDERS: f64 = 100_000.0;
const AUDIT_S: f64 = 60.0;
const STORY_MS: f64 = 1_000.0;
const PAUSE_MS: f64 = 100.0;

impl Audited {
    /// By its own rate.
    #[expect(clippy::cast_precision_loss, reason = "counts of orders are far below 2^52")]
    fn seconds_for_the_floor(&self) -> f64 {
        self.seconds * AUDITED_ORDERS / (self.orders as f64).max(1.0)
    }
}

impl Report {
    /// What was missed, in sentences.
    pub fn missed_floors(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let mut hold = |met: bool, sentence: String| missed.extend((!met).then_some(sentence));
        for Rebuilt { of, events_per_s, peak_rss_mb, .. } in &self.rebuilds {
            hold(
                *events_per_s >= EVENTS_PER_S,
                format!("rebuild {of} {events_per_s:.0} events/s, floor 20000"),
            );
            hold(*peak_rss_mb <= REBUILD_MB, format!("rebuild {of} held {peak_rss_mb:.0} MB, floor 100"));
        }
        let audit = self.audit.seconds_for_the_floor();
        hold(audit <= AUDIT_S, format!("audit of 100000 orders {audit:.1} s, floor 60"));
        for Told { order, to_the_end_ms, .. } in &self.stories {
            hold(
                *to_the_end_ms <= STORY_MS,
                format!("story of the {order} order {to_the_end_ms:.0} ms, floor 1000"),
            );
        }
        let pause = self.checkpoint_pause_ms;
        hold(pause <= PAUSE_MS, format!("a write waited {pause:.0} ms for a checkpoint, floor 100"));
        hold(
            self.caught_up.calls == 0,
            format!("billing called the gateway {} times again", self.caught_up.calls),
        );
        missed
    }

    /// For people.
    pub fn render(&self) -> String {
        let mut text = format!("\n{}\n", self.machine);
        let _ = writeln!(
            text,
            "{} events of {} orders, {} partitions a topic, written in {:.1} s\n",
            self.events, self.orders, self.partitions, self.filled_s
        );
        for Rebuilt { of, events, seconds, events_per_s, peak_rss_mb } in &self.rebuilds {
            let _ = writeln!(
                text,
                "rebuild {of:<10} {events:>8} events {seconds:>6.1} s {events_per_s:>7.0} events/s, at most {peak_rss_mb:.0} MB"
            );
        }
        let CaughtUp { records, seconds, calls } = self.caught_up;
        let _ = writeln!(
            text,
            "billing starts     {records:>8} records read again in {seconds:.1} s, {calls} calls to the gateway"
        );
        let Audited { orders, events, seconds, peak_rss_mb } = self.audit;
        let _ = writeln!(
            text,
            "audit all          {events:>8} events {seconds:>6.1} s, {orders} orders, at most {peak_rss_mb:.0} MB; 100000 orders: {:.1} s",
            self.audit.seconds_for_the_floor()
        );
        for Told { order, to_the_end_ms, until_a_minute_later_ms } in &self.stories {
            let _ = writeln!(
                text,
                "story {order:<12} {to_the_end_ms:>5.0} ms to the end of the log, {until_a_minute_later_ms:.0} ms until a minute later"
            );
        }
        let _ = writeln!(
            text,
            "checkpoint pause    {:>5.1} ms, the longest write meanwhile",
            self.checkpoint_pause_ms
        );
        let missed = self.missed_floors();
        let floors =
            if missed.is_empty() { "met".to_owned() } else { format!("MISSED: {}", missed.join("; ")) };
        let _ = writeln!(text, "floors: {floors}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let rebuilt = |of: &str| Rebuilt {
            of: of.to_owned(),
            events: 1_000_000,
            seconds: 40.0,
            events_per_s: 25_000.0,
            peak_rss_mb: 80.0,
        };
        Report {
            machine: "a machine".to_owned(),
            events: 1_000_000,
            orders: 140_000,
            partitions: 6,
            filled_s: 9.0,
            rebuilds: vec![rebuilt("all"), rebuilt("order")],
            caught_up: CaughtUp { records: 300_000, seconds: 30.0, calls: 0 },
            audit: Audited { orders: 140_000, events: 1_500_000, seconds: 70.0, peak_rss_mb: 90.0 },
            stories: vec![Told { order: "first", to_the_end_ms: 500.0, until_a_minute_later_ms: 200.0 }],
            checkpoint_pause_ms: 3.0,
        }
    }

    #[test]
    fn each_floor_that_is_missed_is_named() {
        assert_eq!(report().missed_floors(), Vec::<String>::new());
        assert!(report().render().ends_with("floors: met\n"));
        let mut slow = report();
        slow.rebuilds[1].events_per_s = 19_999.0;
        slow.rebuilds[0].peak_rss_mb = 101.0;
        slow.audit.seconds = 90.0;
        slow.stories[0].to_the_end_ms = 1_001.0;
        slow.checkpoint_pause_ms = 101.0;
        slow.caught_up.calls = 1;
        assert_eq!(slow.missed_floors().len(), 6, "{:?}", slow.missed_floors());
        assert!(slow.render().contains("floors: MISSED: rebuild all held 101 MB"));
    }
}
