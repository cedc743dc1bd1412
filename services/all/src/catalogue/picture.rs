//! Who writes, what happens, who reads: as Mermaid draws it.

use std::fmt::Write as _;

use super::store::{Store, Topic, short};

/// All services and topics.
pub(super) fn of_store(store: &Store) -> String {
    let mut lines = vec!["flowchart LR".to_owned()];
    for topic in &store.topics {
        let name = topic.name;
        lines.push(format!("    topic_{name}[(\"{name}\")]"));
        lines.push(format!("    {owner}([\"{owner}\"]) --> topic_{name}", owner = topic.owner));
    }
    for topic in &store.topics {
        for reader in &store.readers {
            let read = topic.events.iter().filter(|event| reader.events.contains(event.name));
            let read: Vec<&str> = read.map(|event| short(event.name)).collect();
            if !read.is_empty() {
                let label = read.join("<br/>");
                let (name, service) = (topic.name, reader.service);
                lines.push(format!("    topic_{name} -->|\"{label}\"| {service}([\"{service}\"])"));
            }
        }
    }
    fenced(&lines)
}

/// One topic: each of its events between who writes it and who reads it.
pub(super) fn of_topic(topic: &Topic) -> String {
    let mut lines = vec!["flowchart LR".to_owned()];
    for event in &topic.events {
        let name = event.short();
        lines.push(format!("    writer([\"{}\"]) --> {name}[\"{name}\"]", topic.owner));
        for reader in &event.readers {
            lines.push(format!("    {name} --> reader_{reader}([\"{reader}\"])"));
        }
    }
    fenced(&lines)
}

fn fenced(lines: &[String]) -> String {
    let mut text = "```mermaid\n".to_owned();
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    text + "```\n"
}
