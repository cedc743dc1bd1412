//! The expressions of dashboards and alerts, and the names in them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{project, text};

const FOLDER: &str = "deploy/grafana";
const ALERTS: &str = "deploy/prometheus/alerts.yml";

/// Something that Prometheus is asked.
#[derive(Clone, Debug)]
pub struct Expression {
    /// Where it stands.
    pub at: String,
    /// The expression.
    pub text: String,
    /// Why a store in order has no answer to it, where that is so.
    pub rare: Option<String>,
}

/// Those of every panel, with the variables of a dashboard as a viewer finds them.
pub fn dashboards() -> Vec<Expression> {
    let entries =
        std::fs::read_dir(project(FOLDER)).expect(FOLDER).map(|entry| entry.expect(FOLDER).file_name());
    let mut names: Vec<String> = entries.filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "json"));
    names.sort();
    let mut found = Vec::new();
    for name in names {
        let dashboard: Value = serde_json::from_str(&text(&format!("{FOLDER}/{name}"))).expect(&name);
        for panel in dashboard["panels"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().unwrap_or("a panel without a title");
            let said = panel["description"].as_str().unwrap_or_default();
            let rare = said.split_once("Rare: ").map(|(_, why)| why.to_owned());
            for target in panel["targets"].as_array().into_iter().flatten() {
                let text = target["expr"].as_str().expect(title);
                let text = text.replace("$__rate_interval", "1m").replace("$service", ".*");
                assert!(!text.contains('$'), "{name}, {title}: an unknown variable in {text}");
                found.push(Expression { at: format!("{name}, {title}"), text, rare: rare.clone() });
            }
        }
    }
    found
}

/// Those of recording rules and alerts, as they are written.
pub fn rules() -> Vec<Expression> {
    let text = text(ALERTS);
    let (mut found, mut name, mut open): (Vec<Expression>, _, _) = (Vec::new(), String::new(), false);
    for line in text.lines().map(str::trim) {
        if let Some(named) = line.strip_prefix("- alert: ").or_else(|| line.strip_prefix("- record: ")) {
            named.clone_into(&mut name);
        } else if let Some(begun) = line.strip_prefix("expr: ") {
            let text = begun.trim_start_matches(">-").to_owned();
            found.push(Expression { at: name.clone(), text, rare: None });
            open = begun == ">-";
        } else if let Some(last) = found.last_mut().filter(|_| open) {
            if ["for:", "labels:", "annotations:", "- "].iter().any(|key| line.starts_with(key))
                || line.is_empty()
            {
                open = false;
            } else {
                last.text.push(' ');
                last.text.push_str(line);
            }
        }
    }
    found
}

/// Each alert and the section of the runbooks it names.
pub fn sections() -> Vec<(String, String)> {
    let text = text(ALERTS);
    let alerts = text.split("- alert: ").skip(1);
    alerts
        .map(|alert| {
            let name = alert.lines().next().unwrap_or_default().to_owned();
            let url = alert.lines().find_map(|line| line.trim().strip_prefix("runbook_url: "));
            (name.clone(), url.unwrap_or_else(|| panic!("{ALERTS}: {name} has no runbook_url")).to_owned())
        })
        .collect()
}

/// The metrics an expression names: words that are no function, no label and no text.
pub fn names(expression: &str) -> BTreeSet<String> {
    let (mut found, mut rest) = (BTreeSet::new(), expression);
    while let Some(first) = rest.chars().next() {
        if first == '{' {
            rest = after(rest, '}');
        } else if first == '[' {
            rest = after(rest, ']');
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || "_:".contains(letter)));
            let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
            rest = behind;
            if ["by", "without", "on", "ignoring", "group_left", "group_right"].contains(&word) {
                rest = after(rest, ')');
            } else if !behind.starts_with('(') && !["and", "or", "unless", "bool", "offset"].contains(&word) {
                found.insert(word.to_owned());
            }
        } else if first.is_ascii_digit() {
            rest = rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '.');
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    // `sum by (x) (…)` leaves the name of the aggregation.
    let aggregations = ["sum", "max", "min", "avg", "count", "topk", "bottomk"];
    found.retain(|word| !aggregations.contains(&&**word));
    found
}

fn after(text: &str, end: char) -> &str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_told_from_functions_labels_and_texts() {
        let text = r#"clamp_min(1 - sum by (service, le) (rate(a_total{x=~"b_c|d"}[5m])) / (e > 0), 0) and on (x) f:g offset 1m or sum(h)"#;
        assert_eq!(names(text), ["a_total", "e", "f:g", "h"].map(ToOwned::to_owned).into());
    }
}
