//! What is promised to those who watch a store hangs together: the table of metrics, the code, dashboards, alerts, runbooks.
//! Whether a running store keeps it is asked by the test target `telemetry`.

use std::collections::BTreeSet;

use system_tests::telemetry::{Document, Expression, dashboards, names, rules, sections};

use crate::none;
use crate::project::{PROJECT, SERVICES};

const PAGE: &str = "docs/telemetry.md";
const RUNBOOKS: &str = "docs/runbooks.md";
const ALERTS: &str = "deploy/prometheus/alerts.yml";

/// What the name of a metric ends with, by its unit; other units are told by the name before.
const UNITS: [(&str, &str); 3] = [("seconds", "_seconds"), ("bytes", "_bytes"), ("records", "_records")];
/// Named before their unit was thought of, or after a custom of Prometheus.
const OTHERS: [&str; 1] = ["messaging_dead_letters"];

#[test]
fn every_metric_is_named_after_what_it_is() {
    let document = Document::read();
    let mut findings = Vec::new();
    for (name, metric) in &document.metrics {
        let (base, total) = name.strip_suffix("_total").map_or((name.as_str(), false), |base| (base, true));
        if total != (metric.kind == "counter") {
            findings.push(format!(
                "{PAGE}:1: `{name}` is a {}; counters, and they alone, end with _total",
                metric.kind
            ));
        }
        let unit = UNITS.iter().find(|(unit, _)| metric.unit == *unit && metric.kind != "counter");
        let seconds = metric.unit == "seconds" && !base.ends_with("_seconds");
        if unit.is_some_and(|(_, end)| !base.ends_with(end)) && !OTHERS.contains(&&**name) || seconds {
            findings.push(format!("{PAGE}:1: `{name}` is in {}; a name ends with its unit", metric.unit));
        }
    }
    none(&findings);
}

#[test]
fn every_metric_of_the_table_is_measured_somewhere() {
    let shipped = PROJECT.sources.iter().filter(|source| !PROJECT.is_test(&source.path));
    let literals: BTreeSet<&str> =
        shipped.flat_map(|source| &source.literals).map(|literal| literal.text.as_str()).collect();
    let document = Document::read();
    let stale = document.metrics.keys().filter(|name| !literals.contains(name.as_str()));
    none(&stale.map(|name| format!("{PAGE}:1: lists `{name}`, which nothing measures")).collect::<Vec<_>>());
}

#[test]
fn dashboards_and_alerts_name_only_metrics_of_the_table() {
    let document = Document::read();
    let (panels, rules) = (dashboards(), rules());
    assert!(
        panels.len() > 30 && rules.len() > 15,
        "{} panels and {} rules are found",
        panels.len(),
        rules.len()
    );
    let recorded: BTreeSet<&str> = rules.iter().map(|rule| rule.at.as_str()).collect();
    let unknown = |name: &String| {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            let family = name.strip_suffix(end)?;
            document.metrics.get(family).filter(|metric| metric.kind == "histogram")
        });
        let plain = document.metrics.get(name).filter(|metric| metric.kind != "histogram");
        family.or(plain).is_none() && !recorded.contains(name.as_str()) && name != "up"
    };
    let findings = panels.iter().chain(&rules).flat_map(|Expression { at, text, .. }| {
        names(text)
            .into_iter()
            .filter(unknown)
            .map(move |name| format!("deploy:1: {at}: `{name}` is not in {PAGE}"))
    });
    none(&findings.collect::<Vec<_>>());
}

#[test]
fn every_alert_has_a_test_and_a_section_that_says_what_to_do() {
    let (runbooks, tests) = (PROJECT.text(RUNBOOKS), PROJECT.text("deploy/prometheus/alerts_test.yml"));
    let mut findings = Vec::new();
    let mut named = BTreeSet::new();
    for (alert, url) in sections() {
        let slug = url.strip_prefix(&format!("{RUNBOOKS}#")).unwrap_or_default();
        let section = runbooks.split("\n## ").skip(1).find(|section| {
            let heading = section.lines().next().unwrap_or_default();
            heading.to_lowercase().replace(' ', "-") == slug
        });
        named.insert(slug.to_owned());
        let said = section.is_some_and(|section| section.contains(&alert) && section.contains("\nLook at"));
        if !said {
            findings.push(format!(
                "{ALERTS}:1: {alert} leads to {url}, where it and what to look at should stand"
            ));
        }
        let fires = tests
            .split("- eval_time")
            .any(|test| test.contains(&format!("alertname: {alert}\n")) && test.contains("exp_alerts:"));
        let is_silent = tests.contains(&format!("alertname: {alert} }}"));
        if !fires || (!is_silent && !alert.ends_with("ForHours")) {
            findings.push(format!(
                "{ALERTS}:1: {alert} has no test in which it fires and one in which it is silent"
            ));
        }
    }
    let headings = runbooks.lines().filter_map(|line| line.strip_prefix("## "));
    let lost = headings.filter(|heading| !named.contains(&heading.to_lowercase().replace(' ', "-")));
    findings.extend(lost.map(|heading| format!("{RUNBOOKS}:1: no alert leads to `{heading}`")));
    none(&findings);
}

#[test]
fn every_reason_to_ignore_an_event_is_in_its_set() {
    let document = Document::read();
    let listed = &document.sets["ignored"].values;
    let sources = PROJECT.services().filter(|source| {
        SERVICES.iter().any(|service| source.path.starts_with(&format!("services/{service}/src/")))
    });
    let in_code: BTreeSet<String> = sources.flat_map(|source| reasons(&PROJECT.text(&source.path))).collect();
    assert!(in_code.len() > 20, "reasons are not found any more: {in_code:?}");
    let missing =
        in_code.difference(listed).map(|reason| format!("{PAGE}:1: the set *ignored* lacks `{reason}`"));
    let stale =
        listed.difference(&in_code).map(|reason| format!("{PAGE}:1: nothing is ignored as `{reason}`"));
    none(&missing.chain(stale).collect::<Vec<_>>());
}

/// Reasons given as they are, and the names of an `enum Reason`.
fn reasons(text: &str) -> Vec<String> {
    let given = [concat!("ignored", "(\""), concat!("Ignored", "(\""), concat!("ignore", "(\"")];
    let given = given.into_iter().flat_map(|before| text.split(before).skip(1));
    let named =
        text.split("\nimpl Reason {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_default();
    let named = named.split("=> \"").skip(1);
    given.chain(named).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}
