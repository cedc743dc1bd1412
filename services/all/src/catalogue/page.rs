//! The catalogue for people, in Markdown.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::facts::{Body, Catalogue, EventFacts, TopicFacts};
use super::picture;

const WRITTEN: &str = "<!-- Written by `make catalogue` from the schemas and the services' code; `make check` fails when it is out of date. -->";

/// The page that leads to the others.
pub(super) fn overview(catalogue: &Catalogue) -> String {
    let mut page = format!(
        "# The events of the store\n\n{WRITTEN}\n\nEverything services tell each other, and everything the store's state can be rebuilt from. The same as an\n\
         AsyncAPI 3.0 document, for tools: [asyncapi.json](asyncapi.json). How an event may change: [schemas](../schemas.md).\n\n"
    );
    page += "Who reads is asked of each service's consumer, with an example of every event; what brings about what was read off\n\
             the logs of every history that one order can have (`crates/simulation/src/causes.rs`), which the services' own code plays. What a\n\
             caller alone brings about, such as a product or a delivery, is not played there.\n\n";
    page += "| Event | Topic | Key | Written by | Read by | Versions | What it says |\n|---|---|---|---|---|---|---|\n";
    for event in catalogue.events() {
        let EventFacts { name, topic, key, writer, about, .. } = event;
        let (readers, versions) = (listed(&event.readers, "nobody"), versions(event));
        let anchor = name.to_lowercase();
        let _ = writeln!(
            page,
            "| [{name}]({topic}.md#{anchor}) | [{topic}]({topic}.md) | `{key}` | {writer} | {readers} | {versions} | {about} |"
        );
    }
    page += "\n## Who writes and who reads\n\nEach topic has one owner, who alone writes it. Each reader has a consumer group of its own name; a new one changes\nnothing here but its arrows.\n\n";
    page += &fenced(&picture::of_topics(catalogue));
    page += "\n## What brings about what\n\nAn arrow bears the name of who decides. What begins at *a caller, or time* was asked for over HTTP, or fell due.\n\n";
    page += &fenced(&picture::of_causes(catalogue));
    page
}

/// The page of one topic.
pub(super) fn topic(topic: &TopicFacts) -> String {
    let TopicFacts { name, about, owner, .. } = topic;
    let kept = if topic.compacted {
        "Compacted: the last record of a key stays for ever, a null value removes it."
    } else {
        "Kept for ever unless told otherwise: nothing in it ends by itself."
    };
    let mut page = format!(
        "# `{name}`\n\n{WRITTEN}\n\n{about} Only {owner} writes it. {kept}\n\n[All events](README.md)\n\n"
    );
    page += &fenced(&picture::of_events(topic));
    for event in &topic.events {
        page += &section(event);
    }
    page
}

fn section(event: &EventFacts) -> String {
    let EventFacts { name, full_name, key, writer, .. } = event;
    let mut text = format!("\n## {name}\n\n{}\n\n", event.about);
    let _ = writeln!(text, "- **Record and subject**: `{full_name}`");
    let _ = writeln!(text, "- **Key**: `{key}`");
    let _ = writeln!(text, "- **Written by**: {writer}");
    let _ = writeln!(text, "- **Read by**: {}", listed(&event.readers, "nobody"));
    let causes: Vec<&str> = event.causes.iter().map(|cause| cause.unwrap_or("a caller, or time")).collect();
    let _ = writeln!(text, "- **Brought about by**: {}", listed(&causes, "not played in the simulation"));
    let _ = writeln!(text, "- **Brings about**: {}", listed(&event.effects, "nothing"));
    if let Some(body) = &event.body {
        text += &releases(event, body);
        text += "\n| Field | Type | Meaning |\n|---|---|---|\n";
        rows(&body.schema, "", &mut text);
        let _ = write!(text, "\n```json\n{}\n```\n", body.example_text.trim_end());
    }
    text
}

fn releases(event: &EventFacts, body: &Body) -> String {
    let EventFacts { topic, name, .. } = event;
    let mut text = format!("- **Schema**: [{name}.avsc](../../schemas/{topic}/{name}.avsc), published as\n");
    for at in 0..body.versions.len() {
        let version = at + 1;
        let _ = write!(text, "  [{version}](../../schemas/published/{topic}/{name}/{version}.avsc)");
        let added = body.added_by(at);
        if !added.is_empty() {
            let _ = write!(text, ", which added {}", listed(&quoted(&added), ""));
        }
        text += if version == body.versions.len() { "\n" } else { ";\n" };
    }
    text
}

/// A line for each field, those of records inside with a path.
fn rows(record: &Json, path: &str, text: &mut String) {
    for field in record["fields"].as_array().into_iter().flatten() {
        let name = format!("{path}{}", field["name"].as_str().unwrap_or_default());
        let doc = field["doc"].as_str().unwrap_or_default().replace('|', "\\|");
        let mut kind = kind(&field["type"]);
        if let Some(default) = field.get("default") {
            kind += &format!(", default `{default}`");
        }
        let _ = writeln!(text, "| `{name}` | {kind} | {doc} |");
        if let Some(inside) = inner(&field["type"]) {
            rows(inside, &format!("{name}."), text);
        }
    }
}

/// The record that a type is made of, where it is spelt out.
fn inner(schema: &Json) -> Option<&Json> {
    match schema {
        Json::Array(choices) => choices.iter().find_map(inner),
        Json::Object(object) => match object.get("type")?.as_str() {
            Some("record") => Some(schema),
            Some("array") => inner(object.get("items")?),
            _ => None,
        },
        _ => None,
    }
}

/// A type in words.
fn kind(schema: &Json) -> String {
    match schema {
        Json::String(name) => name.clone(),
        Json::Array(choices) => choices.iter().map(kind).collect::<Vec<_>>().join(" or "),
        _ => {
            let name = schema["name"].as_str().unwrap_or_default();
            match (schema["type"].as_str().unwrap_or_default(), schema["logicalType"].as_str()) {
                (_, Some("uuid")) => "UUID".to_owned(),
                (_, Some("timestamp-micros")) => "time, µs since 1970 in UTC".to_owned(),
                ("array", _) => format!("array of {}", kind(&schema["items"])),
                ("enum", _) => {
                    let symbols = schema["symbols"].as_array().into_iter().flatten().filter_map(Json::as_str);
                    format!("{name}: {}", quoted(&symbols.collect::<Vec<_>>()).join(", "))
                }
                ("record", _) => name.to_owned(),
                (plain, _) => plain.to_owned(),
            }
        }
    }
}

fn quoted(words: &[impl AsRef<str>]) -> Vec<String> {
    words.iter().map(|word| format!("`{}`", word.as_ref())).collect()
}

fn listed(words: &[impl AsRef<str>], none: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    if words.is_empty() { none.to_owned() } else { words.join(", ") }
}

fn versions(event: &EventFacts) -> String {
    event.body.as_ref().map_or_else(|| "no schema".to_owned(), |body| body.versions.len().to_string())
}

fn fenced(picture: &str) -> String {
    format!("```mermaid\n{picture}```\n")
}
