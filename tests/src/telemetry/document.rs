//! `docs/telemetry.md`, read strictly: what cannot be read fails the test that wanted to.

use std::collections::{BTreeMap, BTreeSet};

use super::text;

/// The page.
pub const PAGE: &str = "docs/telemetry.md";
/// Sets whose values are told by a rule.
const RULES: [&str; 3] = ["route", "status", "partition"];

/// The contract.
#[derive(Clone, Debug)]
pub struct Document {
    /// By name.
    pub metrics: BTreeMap<String, Metric>,
    /// By name.
    pub sets: BTreeMap<String, Set>,
    /// Metric and service that a day without faults does not move.
    pub rare: BTreeSet<(String, String)>,
}

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Metric {
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// What it counts.
    pub unit: String,
    /// Each label with what it may be.
    pub labels: BTreeMap<String, Allowed>,
}

/// What a label may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// One of these, each there from the start.
    Listed(BTreeSet<String>),
    /// As the set says.
    Set(String),
}

/// A set of values.
#[derive(Clone, Debug)]
pub struct Set {
    /// Whether each is there before anything happened.
    pub from_the_start: bool,
    /// The values; of a set that has a rule instead, what the rule names.
    pub values: BTreeSet<String>,
}

impl Document {
    /// Reads the page.
    pub fn read() -> Self {
        Self::parse(&text(PAGE))
    }

    fn parse(text: &str) -> Self {
        let mut metrics = BTreeMap::new();
        for [name, kind, unit, labels, meaning, bad] in table(text, "## Metrics") {
            let name = code(&name);
            assert!(["counter", "gauge", "histogram"].contains(&&*kind), "{PAGE}: {name} is a {kind}");
            assert!(meaning.ends_with('.') && bad.len() > 4, "{PAGE}: {name} does not say what it means");
            let metric = Metric { kind, unit, labels: labels.split("; ").map(label).collect() };
            assert!(metric.labels.contains_key("service"), "{PAGE}: {name} has no label `service`");
            assert!(metrics.insert(name.clone(), metric).is_none(), "{PAGE}: {name} is there twice");
        }
        let mut sets = BTreeMap::new();
        for [name, there, values] in table(text, "## Sets of values") {
            let from_the_start = match &*there {
                "from the start" => true,
                "once it happens" => false,
                _ => panic!("{PAGE}: the set {name} is there `{there}`"),
            };
            let set = Set { from_the_start, values: spans(&values).collect() };
            assert!(sets.insert(emphasis(&name), set).is_none(), "{PAGE}: {name} is there twice");
        }
        let mut rare = BTreeSet::new();
        for [name, services, why] in table(text, "## What a day does not show") {
            assert!(why.len() > 20, "{PAGE}: {name} is rare without a reason");
            rare.extend(spans(&services).map(|service| (code(&name), service)));
        }
        let document = Self { metrics, sets, rare };
        document.hangs_together();
        document
    }

    /// Every set is used and every name is known.
    fn hangs_together(&self) {
        let labels = self.metrics.values().flat_map(|metric| metric.labels.values());
        let used: BTreeSet<&String> = labels
            .filter_map(|allowed| if let Allowed::Set(set) = allowed { Some(set) } else { None })
            .collect();
        assert_eq!(used, self.sets.keys().collect(), "{PAGE}: sets that are used, and sets that are listed");
        for (metric, service) in &self.rare {
            let known = self.metrics.get(metric).is_some_and(|_| self.services(metric).contains(service));
            assert!(known, "{PAGE}: `{metric}` of `{service}` is rare, and not in the table");
        }
    }

    /// Which services show it.
    pub fn services(&self, metric: &str) -> &BTreeSet<String> {
        self.values(&self.metrics[metric].labels["service"])
    }

    /// The values that are listed.
    pub fn values<'a>(&'a self, allowed: &'a Allowed) -> &'a BTreeSet<String> {
        match allowed {
            Allowed::Listed(values) => values,
            Allowed::Set(set) => &self.sets[set].values,
        }
    }

    /// True when each listed value must be there before anything happened.
    pub fn from_the_start(&self, allowed: &Allowed) -> bool {
        match allowed {
            Allowed::Listed(_) => true,
            Allowed::Set(set) => self.sets[set].from_the_start,
        }
    }

    /// True when the page allows this value; `routes` are those of the program.
    pub fn allows(&self, allowed: &Allowed, value: &str, routes: &BTreeSet<String>) -> bool {
        let rule = if let Allowed::Set(set) = allowed { set.as_str() } else { "" };
        if !RULES.contains(&rule) {
            return self.values(allowed).contains(value);
        }
        match rule {
            "route" => value == "none" || value.starts_with("/docs") || routes.contains(value),
            "status" => value.len() == 3 && matches!(value.parse(), Ok(100..600)),
            _ => value.parse::<u16>().is_ok(),
        }
    }
}

/// The rows of the first table below a heading.
fn table<const N: usize>(text: &str, heading: &str) -> Vec<[String; N]> {
    let (_, section) = text.split_once(&format!("\n{heading}\n")).expect(heading);
    let lines =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let rows: Vec<[String; N]> = lines
        .skip(2)
        .map(|line| {
            let cells = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |"));
            let cells: Option<Vec<String>> =
                cells.map(|cells| cells.split(" | ").map(ToOwned::to_owned).collect());
            let cells = cells.unwrap_or_else(|| panic!("{PAGE}: `{line}` is no row of a table"));
            cells.try_into().unwrap_or_else(|_| panic!("{PAGE}: `{line}` has not {N} cells"))
        })
        .collect();
    assert!(!rows.is_empty(), "{PAGE}: no table below {heading}");
    rows
}

fn label(text: &str) -> (String, Allowed) {
    let (name, values) = text.split_once('=').unwrap_or_else(|| panic!("{PAGE}: `{text}` is no label"));
    let allowed = if values.starts_with('*') {
        Allowed::Set(emphasis(values))
    } else {
        Allowed::Listed(values.split(", ").map(code).collect())
    };
    (code(name), allowed)
}

fn code(text: &str) -> String {
    let inside = text.strip_prefix('`').and_then(|text| text.strip_suffix('`'));
    let inside = inside.filter(|inside| !inside.is_empty() && !inside.contains('`'));
    inside.unwrap_or_else(|| panic!("{PAGE}: {text} should be one word in backticks")).to_owned()
}

fn emphasis(text: &str) -> String {
    let inside = text.strip_prefix('*').and_then(|text| text.strip_suffix('*'));
    inside.unwrap_or_else(|| panic!("{PAGE}: {text} should be a word in asterisks")).to_owned()
}

fn spans(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(ToOwned::to_owned)
}
