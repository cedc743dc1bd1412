//! Schemas, topics and tables.

use std::collections::BTreeSet;

use storectl::schemas::OWNERS;

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
    let makers = makers();
    let mut findings = Vec::new();
    for (topic, record) in schemas() {
        let services: BTreeSet<&str> =
            makers.iter().filter(|(made, _)| *made == record).map(|(_, (service, _))| *service).collect();
        let retired = PROJECT.text(&format!("schemas/{topic}/{record}.avsc")).contains("\"doc\": \"Retired:");
        if services.is_empty() && !retired {
            findings.push(format!(
                "schemas/{topic}/{record}.avsc:1: nobody makes it; retire it as docs/schemas.md says, or write it"
            ));
        }
    }
    let topics: BTreeSet<&str> = schemas().into_iter().map(|(topic, _)| topic).collect();
    for topic in topics {
        let owner = OWNERS.iter().find(|(owned, _)| *owned == topic).map(|(_, owner)| *owner);
        let on_it: BTreeSet<&str> =
            schemas().into_iter().filter(|(home, _)| *home == topic).map(|(_, record)| record).collect();
        let strangers =
            makers.iter().filter(|(record, (service, _))| on_it.contains(record) && Some(*service) != owner);
        findings.extend(strangers.map(|(_, (service, at))| {
            format!(
                "{at}; `{topic}` belongs to {}, not to {service}: a topic has one owner, the other needs an event of its own",
                owner.unwrap_or("nobody in storectl::schemas::OWNERS")
            )
        }));
    }
    none(&findings);
}

/// Which service makes which record, and where.
fn makers() -> Vec<(&'static str, (&'static str, String))> {
    let records: BTreeSet<&str> = schemas().into_iter().map(|(_, record)| record).collect();
    let mut makers = Vec::new();
    for service in SERVICES {
        let folder = format!("services/{service}/src");
        for source in PROJECT.sources_in(&folder).filter(|source| !PROJECT.is_test(&source.path)) {
            for (line, code) in source.shipped() {
                for record in made(code) {
                    if let Some(record) = records.get(record) {
                        makers.push((*record, (service, format!("{}:{line}: makes {record}", source.path))));
                    }
                }
            }
        }
    }
    makers
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

#[test]
fn the_headers_of_the_catalogue_are_those_that_are_written() {
    let wire = PROJECT.text("crates/messaging/src/kafka/wire.rs");
    let written = wire.split("pub fn headers(").nth(1).unwrap().split("OwnedHeaders::new").next().unwrap();
    let name = |text: &&str| text.starts_with("ce_") || text.starts_with("trace") || *text == "content-type";
    let written: BTreeSet<&str> = written.split('"').skip(1).step_by(2).filter(name).collect();
    let document: serde_json::Value =
        serde_json::from_str(&PROJECT.text("docs/events/asyncapi.json")).unwrap();
    let documented = document.pointer("/components/messageTraits/record/headers/properties").unwrap();
    let documented: BTreeSet<&str> = documented.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(documented, written, "mend `headers` in services/all/src/catalogue/asyncapi.rs");
    assert!(written.len() > 10, "{written:?}");
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
fn what_makes_an_event_is_told_from_what_reads_one() {
    let made = |code| made(code).collect::<Vec<_>>();
    assert_eq!(made("Ok(OrderCreated { order_id })"), ["OrderCreated"]);
    assert_eq!(made("    OrderConfirmed {"), ["OrderConfirmed"]);
    assert!(made("let OrderCreated { order_id, .. } = event;").is_empty());
    assert!(made("Event::OrderCreated(OrderCreated { order_id, .. }) => order_id,").is_empty());
    assert!(made("fn placed(&self) -> OrderCreated {").is_empty());
}
