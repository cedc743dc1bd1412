//! What dashboards and alerts ask is asked of a real Prometheus that scraped the day: it must have an answer, unless the panel
//! says why a store in order has none.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Duration;

use system_tests::telemetry::{dashboards, rules};
use testkit::until;

use crate::day::day;
use crate::prometheus::Prometheus;
use crate::sentences;

sentences![every_panel_of_every_dashboard_has_data, every_alert_and_recording_rule_has_data_to_look_at];

/// A rule is evaluated once a second, a program scraped twice.
const SCRAPED_WITHIN: Duration = Duration::from_secs(20);

async fn prometheus(what: impl Display) -> Option<&'static Prometheus> {
    let prometheus = day().await.prometheus.as_ref();
    if prometheus.is_none() {
        // Not by `println!`, which nobody sees of a test that passes.
        let _ = writeln!(std::io::stderr(), "{what}: SKIPPED, {}", stack::PROMETHEUS_REMEDY);
    }
    prometheus
}

async fn every_panel_of_every_dashboard_has_data() {
    let Some(prometheus) = prometheus("the questions of dashboards").await else { return };
    for question in dashboards() {
        let (at, text) = (&question.at, &question.text);
        prometheus.understands(text).await.unwrap_or_else(|error| panic!("{at}: {error}"));
        if question.rare.is_none() {
            until(format!("{at}: {text}"), SCRAPED_WITHIN, async || prometheus.answers(text).await).await;
        }
    }
}

async fn every_alert_and_recording_rule_has_data_to_look_at() {
    let Some(prometheus) = prometheus("the questions of alerts").await else { return };
    let loaded = prometheus.rules().await.unwrap();
    assert_eq!(loaded.len(), rules().len(), "rules are loaded as they are written");
    for [name, kind, query, health] in loaded {
        assert_ne!(health, "err", "{name} cannot be evaluated");
        let parts: Vec<&str> =
            if kind == "alerting" { query.split(" and ").map(watched).collect() } else { vec![&query] };
        for part in parts {
            until(format!("{name}: {part}"), SCRAPED_WITHIN, async || prometheus.answers(part).await).await;
        }
    }
}

/// What an alert looks at, without the bound beyond which it fires: in a store in order that is not reached.
fn watched(condition: &str) -> &str {
    let bound = [" > ", " < ", " == "].iter().filter_map(|sign| condition.rsplit_once(sign));
    let bound = bound.filter(|(_, bound)| bound.parse::<f64>().is_ok()).map(|(watched, _)| watched).next();
    bound.unwrap_or_else(|| panic!("{condition} has no bound at its end"))
}
