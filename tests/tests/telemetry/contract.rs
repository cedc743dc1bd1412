//! Each sentence of the contract, asked of what the programs show.

use std::collections::BTreeSet;

use system_tests::telemetry::{Allowed, Document};

use crate::day::day;
use crate::sentences;
use crate::shown::{Family, Series};

sentences![
    every_documented_metric_is_shown_by_each_service_it_is_listed_for,
    nothing_is_shown_that_is_not_documented,
    types_labels_and_values_are_as_documented,
    what_is_known_beforehand_is_there_at_zero,
    what_a_day_brings_about_is_measured,
    sagas_have_buckets_from_five_milliseconds_to_ten_minutes,
    a_program_shows_no_more_than_can_be_kept,
];

/// Beyond it, labels are not bounded any more.
const SERIES_MAX: usize = 2_000;

#[track_caller]
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

async fn every_documented_metric_is_shown_by_each_service_it_is_listed_for() {
    let (document, day) = (Document::read(), day().await);
    let mut findings = Vec::new();
    for name in document.metrics.keys() {
        let missing =
            document.services(name).iter().filter(|service| !day.shown[service.as_str()].contains_key(name));
        findings.extend(missing.map(|service| format!("{service} does not show {name}")));
    }
    none(&findings);
}

async fn nothing_is_shown_that_is_not_documented() {
    let document = Document::read();
    let mut findings = Vec::new();
    for (program, families) in &day().await.shown {
        for name in families.keys() {
            let listed = document.metrics.contains_key(name) && document.services(name).contains(*program);
            if !listed {
                findings.push(format!("{program} shows {name}, which is not in the table"));
            }
        }
    }
    none(&findings);
}

async fn types_labels_and_values_are_as_documented() {
    let (document, day) = (Document::read(), day().await);
    let mut findings = Vec::new();
    for (program, families) in &day.shown {
        for (name, family) in families {
            let Some(metric) = document.metrics.get(name) else { continue };
            if family.kind != metric.kind {
                findings
                    .push(format!("{program}: {name} is a {}, documented as {}", family.kind, metric.kind));
            }
            if family.help.is_empty() {
                findings.push(format!("{program}: {name} has no help"));
            }
            for series in &family.series {
                let labels: BTreeSet<&String> = series.labels.keys().filter(|label| *label != "le").collect();
                if labels != metric.labels.keys().collect() {
                    findings.push(format!("{program}: {name} has the labels {labels:?}"));
                }
                let values =
                    metric.labels.iter().map(|(label, allowed)| (label, allowed, series.label(label)));
                let wrong = values
                    .filter(|(_, allowed, value)| !document.allows(allowed, value, &day.routes[program]));
                findings.extend(
                    wrong.map(|(label, _, value)| format!("{program}: {name} with {label}=\"{value}\"")),
                );
                if series.label("service") != *program {
                    findings.push(format!("{program} shows {name} of {}", series.label("service")));
                }
            }
        }
    }
    none(&findings);
}

async fn what_is_known_beforehand_is_there_at_zero() {
    let (document, day) = (Document::read(), day().await);
    let mut findings = Vec::new();
    for (name, metric) in &document.metrics {
        let known: Vec<(&String, &Allowed)> = metric
            .labels
            .iter()
            .filter(|(label, allowed)| *label != "service" && document.from_the_start(allowed))
            .collect();
        for service in document.services(name) {
            let Some(family) = day.shown[service.as_str()].get(name) else { continue };
            for combination in combinations(&document, &known) {
                if !family.series.iter().any(|series| has(series, &combination)) {
                    findings.push(format!("{service}: {name} lacks {combination:?}"));
                }
            }
        }
    }
    none(&findings);
}

/// Each way to give these labels values.
fn combinations<'a>(
    document: &'a Document,
    labels: &[(&'a String, &'a Allowed)],
) -> Vec<Vec<(&'a str, &'a str)>> {
    labels.iter().fold(vec![Vec::new()], |before, (label, allowed)| {
        let one_more = |combination: &Vec<(&'a str, &'a str)>| {
            let combination = combination.clone();
            let values = document.values(allowed).iter();
            values
                .map(move |value| [&combination[..], &[(label.as_str(), value.as_str())]].concat())
                .collect::<Vec<_>>()
        };
        before.iter().flat_map(one_more).collect()
    })
}

fn has(series: &Series, combination: &[(&str, &str)]) -> bool {
    combination.iter().all(|(label, value)| series.label(label) == *value)
}

async fn what_a_day_brings_about_is_measured() {
    let (document, day) = (Document::read(), day().await);
    let mut findings = Vec::new();
    for (name, metric) in document.metrics.iter().filter(|(_, metric)| metric.kind != "gauge") {
        for service in document.services(name) {
            let times = day.shown[service.as_str()].get(name).map_or(0.0, Family::times);
            if times == 0.0 && !document.rare.contains(&(name.clone(), service.clone())) {
                findings.push(format!("{service}: {name}, a {}, saw nothing of the day", metric.kind));
            }
        }
    }
    none(&findings);
}

async fn sagas_have_buckets_from_five_milliseconds_to_ten_minutes() {
    let family = &day().await.shown["order"]["order_saga_duration_seconds"];
    let confirmed = family.series.iter().filter(|series| series.label("outcome") == "confirmed");
    let bounds: Vec<f64> = confirmed.filter_map(|series| series.labels.get("le")?.parse().ok()).collect();
    assert_eq!((bounds.first(), bounds.get(bounds.len() - 2)), (Some(&0.005), Some(&600.0)), "{bounds:?}");
}

async fn a_program_shows_no_more_than_can_be_kept() {
    for (program, families) in &day().await.shown {
        let series: usize = families.values().map(|family| family.series.len()).sum();
        assert!(series < SERIES_MAX, "{program} shows {series} series");
    }
}
