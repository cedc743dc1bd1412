//! What a program shows under `/metrics`, read strictly.

use std::collections::BTreeMap;

/// A metric as it is shown.
#[derive(Clone, Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub series: Vec<Series>,
}

/// One line: the end of its name (`_bucket`, `_sum`, `_count` of a histogram), its labels, its value.
#[derive(Clone, Debug)]
pub struct Series {
    pub part: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Family {
    /// How often it counted or observed something.
    pub fn times(&self) -> f64 {
        let counted = self.series.iter().filter(|series| ["", "_count"].contains(&&*series.part));
        counted.map(|series| series.value).sum()
    }
}

impl Series {
    /// A label, or nothing.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// Reads the text format.
pub fn read(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            help.clone_into(&mut families.entry(name.to_owned()).or_default().help);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            let family = families.entry(name.to_owned()).or_default();
            assert_eq!(family.kind, "", "{name} is there twice");
            kind.clone_into(&mut family.kind);
        } else {
            let (name, series) = sample(line);
            let (family, part) = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| Some((name.strip_suffix(part)?, *part)))
                .filter(|(family, _)| families.get(*family).is_some_and(|family| family.kind == "histogram"))
                .unwrap_or((&name, ""));
            let family = families.get_mut(family).unwrap_or_else(|| panic!("no type before: {line}"));
            family.series.push(Series { part: part.to_owned(), ..series });
        }
    }
    families
}

fn sample(line: &str) -> (String, Series) {
    let (name, rest) = line.split_once('{').unwrap_or_else(|| panic!("no labels: {line}"));
    let (labels, value) = rest.rsplit_once("} ").unwrap_or_else(|| panic!("no value: {line}"));
    let mut found = BTreeMap::new();
    for label in labels.split("\",") {
        let (label, value) = label.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        let twice = found.insert(label.to_owned(), value.trim_end_matches('"').to_owned());
        assert!(twice.is_none(), "a label is there twice: {line}");
    }
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    (name.to_owned(), Series { part: String::new(), labels: found, value })
}
