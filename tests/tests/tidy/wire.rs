//! Schemas, topics and tables.

use std::collections::{BTreeMap, BTreeSet};

use crate::none;
use crate::project::{PROJECT, SERVICES};
use crate::source::words;

const CATALOGUE: &str = "crates/events/src/catalogue.rs";

/// `(topic, record)` of every schema.
fn schemas() -> Vec<(&'static str, &'static str)> {
    let schemas =
        PROJECT.files.iter().filter_map(|path| path.strip_prefix("schemas/")?.strip_suffix(".avsc"));
    let schemas = schemas.filter_map(|path| path.split_once('/'));
    schemas.filter(|(topic, _)| !["published", "golden"].contains(topic)).collect()
}

#[test]
fn every_schema_has_a_typed_event_an_example_a_doc_and_a_published_baseline() {
    let catalogue = PROJECT.text(CATALOGUE);
    let mut findings = Vec::new();
    for (topic, record) in schemas() {
        let path = format!("schemas/{topic}/{record}.avsc");
        let beside = [
            (format!("schemas/{topic}/{record}.example.json"), "write an example"),
            (format!("schemas/published/{topic}/{record}/1.avsc"), "run `storectl schemas publish`"),
            (format!("schemas/golden/{topic}/{record}/1.hex"), "run `storectl schemas publish`"),
        ];
        let missing = beside.iter().filter(|(file, _)| !PROJECT.has(file));
        findings.extend(missing.map(|(file, remedy)| format!("{path}:1: {file} is missing; {remedy}")));
        if !catalogue.contains(&format!("{record} by ")) {
            findings.push(format!("{path}:1: is not in {CATALOGUE}; add `{record} by …` under its topic"));
        }
        let module = format!("crates/events/src/{topic}.rs");
        if !PROJECT.has(&module) || !PROJECT.text(&module).contains(&format!("pub struct {record} {{")) {
            findings.push(format!("{path}:1: has no struct; write `pub struct {record}` in {module}"));
        }
        if !documented(&PROJECT.text(&path)) {
            findings.push(format!("{path}:1: the record or a field has no doc; say what it means"));
        }
    }
    none(&findings);
}

#[test]
fn every_event_of_the_catalogue_has_a_schema() {
    let known: BTreeSet<&str> = schemas().into_iter().map(|(_, record)| record).collect();
    let catalogue = PROJECT.sources_in(CATALOGUE).next().unwrap();
    let entries =
        catalogue.numbered().filter_map(|(line, code)| Some((line, code.trim().split_once(" by ")?.0)));
    let entries =
        entries.filter(|(_, record)| record.starts_with(|letter: char| letter.is_ascii_uppercase()));
    let lost = entries.filter(|(_, record)| !known.contains(record));
    let findings: Vec<_> = lost
        .map(|(line, record)| {
            format!("{CATALOGUE}:{line}: {record} has no schema; write schemas/<topic>/{record}.avsc")
        })
        .collect();
    none(&findings);
}

#[test]
fn every_topic_has_one_owner() {
    let topic_of: BTreeMap<&str, &str> = schemas_by_record().into_iter().collect();
    let mut makers: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for service in SERVICES {
        let folder = format!("services/{service}/src");
        for source in PROJECT.sources_in(&folder).filter(|source| !PROJECT.is_test(&source.path)) {
            for (line, record) in
                source.shipped().flat_map(|(line, code)| made(code).map(move |record| (line, record)))
            {
                if let Some(topic) = topic_of.get(record) {
                    let at = || format!("{}:{line}: makes {record}", source.path);
                    makers.entry(topic).or_default().entry(service).or_insert_with(at);
                }
            }
        }
    }
    let topics: BTreeSet<&str> = topic_of.values().copied().collect();
    let mut findings: Vec<String> = topics
        .iter()
        .filter(|topic| !makers.contains_key(**topic))
        .map(|topic| format!("schemas/{topic}: nobody publishes on it; remove it, or give it an owner"))
        .collect();
    for (topic, services) in makers.into_iter().filter(|(_, services)| services.len() > 1) {
        let by = services.keys().copied().collect::<Vec<_>>().join(" and ");
        let at = services.values().cloned().collect::<Vec<_>>().join("\n");
        findings.push(format!(
            "{at}; `{topic}` is published by {by}: a topic has one owner, the other needs an event of its own"
        ));
    }
    none(&findings);
}

/// The tool that registers, the catalogue of events and the code of the services say the same of who writes what.
#[test]
fn the_owner_of_a_topic_is_the_service_that_makes_its_events() {
    let schemas = PROJECT.text("crates/storectl/src/schemas/mod.rs");
    let topic_of: BTreeMap<&str, &str> = schemas_by_record().into_iter().collect();
    let mut findings = Vec::new();
    for service in SERVICES {
        for source in PROJECT
            .sources_in(&format!("services/{service}/src"))
            .filter(|source| !PROJECT.is_test(&source.path))
        {
            for (line, record) in
                source.shipped().flat_map(|(line, code)| made(code).map(move |record| (line, record)))
            {
                let Some(topic) = topic_of.get(record) else { continue };
                let owns = format!("(events::topics::{}, \"{service}\"),", topic.to_uppercase());
                if !schemas.contains(&owns) {
                    findings.push(format!(
                        "{}:{line}: makes {record}, and `{topic}` belongs to another in storectl::schemas::OWNERS; mend one of them",
                        source.path
                    ));
                }
            }
        }
    }
    none(&findings);
}

/// A retired event is read for as long as the log has it; nobody makes one (docs/schemas.md).
#[test]
fn no_service_makes_an_event_that_is_retired() {
    let retired: BTreeSet<&str> = schemas()
        .into_iter()
        .filter(|(topic, record)| is_retired(&PROJECT.text(&format!("schemas/{topic}/{record}.avsc"))))
        .map(|(_, record)| record)
        .collect();
    let sources = PROJECT.services().flat_map(|source| {
        source
            .shipped()
            .flat_map(|(line, code)| made(code).map(move |record| (line, record)))
            .map(move |at| (source, at))
    });
    let findings: Vec<String> = sources
        .filter(|(_, (_, record))| retired.contains(record))
        .map(|(source, (line, record))| {
            format!(
                "{}:{line}: makes {record}, which is retired; its schema says what took its place",
                source.path
            )
        })
        .collect();
    none(&findings);
}

/// By its doc, which then begins with the word.
fn is_retired(schema: &str) -> bool {
    let doc = schema.split_once("\"doc\"").and_then(|(_, rest)| rest.split('"').nth(1));
    doc.is_some_and(|doc| doc.starts_with("Retired since "))
}

fn schemas_by_record() -> Vec<(&'static str, &'static str)> {
    schemas().into_iter().map(|(topic, record)| (record, topic)).collect()
}

/// Who reads the log is in the catalogue of events: a service that is not would read unseen.
#[test]
fn whoever_reads_the_log_is_in_the_catalogue_of_events() {
    let overview = PROJECT.text("docs/events/README.md");
    let reads = |code: &str| {
        ["impl Handler for ", "impl Listener for "].iter().any(|begins| code.trim_start().starts_with(begins))
    };
    let mut findings = Vec::new();
    for source in PROJECT.services() {
        let service = source.path.split('/').nth(1).unwrap_or_default();
        if overview.contains(&format!("([\"{service}\"])")) {
            continue;
        }
        findings.extend(source.shipped().filter(|(_, code)| reads(code)).map(|(line, _)| {
            format!(
                "{}:{line}: {service} reads the log and is not in docs/events; name it in services/all/src/catalogue/readers.rs, or in services/all/src/listeners.rs, and run `make catalogue`",
                source.path
            )
        }));
    }
    none(&findings);
}

#[test]
fn every_table_says_whether_it_is_folded_from_the_log_or_local() {
    let mut findings = Vec::new();
    for path in PROJECT.files.iter().filter(|path| path.starts_with("migrations/")) {
        let text = PROJECT.text(path);
        let says = |line: &str| {
            line.starts_with("--") && (line.to_lowercase().contains("folded") || line.contains("ocal"))
        };
        let lines: Vec<&str> = text.lines().collect();
        let whole_file = lines
            .iter()
            .take_while(|line| line.starts_with("--"))
            .any(|line| says(line) && line.contains("All of it"));
        for (index, line) in lines.iter().enumerate() {
            let table = line.starts_with("CREATE TABLE") && !line.contains("PARTITION OF");
            let above = lines[..index].iter().rev().take_while(|line| line.starts_with("--"));
            if table && !whole_file && !above.into_iter().any(|line| says(line)) {
                findings.push(format!(
                    "{path}:{}: does not say whether the table is folded from the log or local; say it above, with the reason",
                    index + 1
                ));
            }
        }
    }
    none(&findings);
}

/// Records that a line of code makes: `Record { …`, but not where one is taken apart or returned.
fn made(code: &str) -> impl Iterator<Item = &str> {
    let begins = code.match_indices(" {").chain(code.match_indices("::new(")).map(|(at, _)| &code[..at]);
    begins.filter_map(|before| {
        let record = words(before).last().filter(|record| before.ends_with(record))?;
        let left = before[..before.len() - record.len()].trim_end();
        let taken_apart = left.ends_with("->")
            || ["let", "struct", "enum", "impl", "for"].contains(&words(left).last().unwrap_or_default());
        let pattern = code.contains("=>") && code.find("=>") > Some(before.len());
        (!taken_apart && !pattern).then_some(record)
    })
}

/// As many docs as names: the record, each field, each type inside.
fn documented(schema: &str) -> bool {
    let count = |what: &str| schema.matches(what).count();
    count("\"doc\":") + count("\"doc\" :") >= count("\"name\":") + count("\"name\" :")
}

#[test]
fn a_retired_event_is_told_by_its_doc() {
    assert!(is_retired(
        r#"{"type": "record", "doc": "Retired since 0.3.0: OrderPlaced says it.", "fields": []}"#
    ));
    assert!(!is_retired(r#"{"type": "record", "doc": "An order is Retired since then.", "fields": []}"#));
}

#[test]
fn what_makes_an_event_is_told_from_what_reads_one() {
    let made = |code| made(code).collect::<Vec<_>>();
    assert_eq!(made("Ok(OrderCreated { order_id })"), ["OrderCreated"]);
    assert_eq!(made("    OrderConfirmed {"), ["OrderConfirmed"]);
    assert!(made("let OrderCreated { order_id, .. } = event;").is_empty());
    assert!(made("Event::OrderCreated(OrderCreated { order_id, .. }) => order_id,").is_empty());
    assert!(made("fn placed(&self) -> OrderCreated {").is_empty());
}
