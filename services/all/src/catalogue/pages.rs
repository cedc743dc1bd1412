//! The pages: one for the store, one for each topic.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::picture;
use super::shape::{self, Field};
use super::store::{Entry, Store, Topic, Written};

const BY_HAND: &str = "<!-- Written by `make catalogue` from schemas and code; `make check` fails when it is out of date. -->\n";

/// Every page, by the name of its file.
pub(super) fn all(store: &Store) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::from([("README.md".to_owned(), overview(store))]);
    pages.extend(store.topics.iter().map(|topic| (format!("{}.md", topic.name), page(topic))));
    pages
}

fn overview(store: &Store) -> String {
    let mut text = format!("# The events of the store\n\n{BY_HAND}\n");
    text += "Which events there are, who writes them and who reads them. The pages of the topics have schemas, examples and\n\
             versions; [asyncapi.json](asyncapi.json) says the same to programs (AsyncAPI 3.0, with the headers of a record);\n\
             [how schemas change](../schemas.md).\n\n";
    text += &picture::of_store(store);
    text += "\n| topic | written by | read by | kept | what is on it |\n|---|---|---|---|---|\n";
    for topic in &store.topics {
        let subscribed = store.readers.iter().filter(|reader| reader.topics.contains(&topic.name));
        let subscribed: Vec<&str> = subscribed.map(|reader| reader.service).collect();
        let name = topic.name;
        let _ = writeln!(
            text,
            "| [{name}]({name}.md) | {} | {} | {} | {} |",
            topic.owner,
            list(&subscribed),
            kept(topic),
            topic.about
        );
    }
    text += "\n| event | topic | key | written by | read by | version |\n|---|---|---|---|---|---|\n";
    for topic in &store.topics {
        for event in &topic.events {
            let (short, name) = (event.short(), topic.name);
            let version = event.body.as_ref().map_or_else(|| "no body".to_owned(), newest);
            let _ = writeln!(
                text,
                "| [{short}]({name}.md#{}) | {name} | {} | {} | {} | {version} |",
                short.to_lowercase(),
                event.key,
                topic.owner,
                list(&event.readers),
            );
        }
    }
    text
}

fn page(topic: &Topic) -> String {
    let mut text = format!("# Topic {}\n\n{BY_HAND}\n{}\n\n", topic.name, topic.about);
    let _ = writeln!(text, "Written by **{}** alone. Kept: {}.\n", topic.owner, kept(topic));
    text += &picture::of_topic(topic);
    for event in &topic.events {
        section(topic, event, &mut text);
    }
    text
}

fn section(topic: &Topic, event: &Entry, text: &mut String) {
    let _ = writeln!(text, "\n## {}\n", event.short());
    match &event.body {
        None => {
            *text += "A null value under the key of what is erased; nothing else under that key counts after it.\n\n";
        }
        Some(Written { schema, .. }) => {
            let _ = writeln!(text, "{}\n", schema["doc"].as_str().unwrap_or_default());
        }
    }
    let _ = writeln!(
        text,
        "`{}`, key: `{}`, written by {}, read by {}.\n",
        event.name,
        event.key,
        topic.owner,
        list(&event.readers)
    );
    if let Some(written) = &event.body {
        body(topic, event, written, text);
    }
}

fn body(topic: &Topic, event: &Entry, written: &Written, text: &mut String) {
    *text += "| field | type | meaning |\n|---|---|---|\n";
    for Field { path, kind, doc, default } in shape::fields(&written.schema) {
        let default = default.map(|default| format!(" Default: `{default}`.")).unwrap_or_default();
        let _ = writeln!(text, "| `{path}` | {kind} | {}{default} |", doc.replace('|', "\\|"));
    }
    let example = serde_json::to_string_pretty(&written.example).unwrap_or_default();
    let _ = writeln!(text, "\nAn example:\n\n```json\n{example}\n```\n");
    *text += "| version | what is new |\n|---|---|\n";
    let path = format!("{}/{}", topic.name, event.short());
    for version in &written.versions {
        let added = if version.added.is_empty() { "the first".to_owned() } else { version.added.join(", ") };
        let _ = match version.number {
            Some(number) => {
                writeln!(text, "| [{number}](../../schemas/published/{path}/{number}.avsc) | {added} |")
            }
            None => writeln!(text, "| [not published](../../schemas/{path}.avsc) | {added} |"),
        };
    }
}

fn newest(written: &Written) -> String {
    let newest = written.versions.last().and_then(|version| version.number);
    newest.map_or_else(|| "not published".to_owned(), |number| number.to_string())
}

fn kept(topic: &Topic) -> &'static str {
    let compacted = topic.config.contains(&("cleanup.policy", "compact".to_owned()));
    if compacted { "the last record of each key" } else { "all records, for ever" }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "nobody yet".to_owned() } else { names.join(", ") }
}
