//! Pictures, in Mermaid.

use std::fmt::Write as _;

use super::facts::{Catalogue, TopicFacts};

/// Who writes which topic and who reads it.
pub(super) fn of_topics(catalogue: &Catalogue) -> String {
    let mut lines = String::from("flowchart LR\n");
    for topic in &catalogue.topics {
        let TopicFacts { name, owner, .. } = topic;
        // Between quotes a name may be a word that Mermaid knows.
        let _ = writeln!(lines, "    w_{owner}[\"{owner}\"] --> t_{name}[(\"{name}\")]");
        for reader in catalogue.readers.iter().filter(|reader| is_read(topic, reader)) {
            let _ = writeln!(lines, "    t_{name} --> r_{reader}([\"{reader}\"])");
        }
    }
    lines
}

fn is_read(topic: &TopicFacts, reader: &str) -> bool {
    topic.events.iter().any(|event| event.readers.contains(&reader))
}

/// What brings about what. An arrow bears the name of who decides.
pub(super) fn of_causes(catalogue: &Catalogue) -> String {
    let mut lines = String::from("flowchart TD\n    caller([\"a caller, or time\"])\n");
    for event in catalogue.events() {
        for cause in &event.causes {
            let _ = writeln!(lines, "    {} -->|{}| {}", cause.unwrap_or("caller"), event.writer, event.name);
        }
    }
    lines
}

/// The events of a topic, between who writes them and who reads them.
pub(super) fn of_events(topic: &TopicFacts) -> String {
    let mut lines = String::from("flowchart LR\n");
    for event in &topic.events {
        let _ = writeln!(lines, "    w[\"{}\"] --> {1}[\"{1}\"]", topic.owner, event.name);
        for reader in &event.readers {
            let _ = writeln!(lines, "    {} --> r_{reader}([\"{reader}\"])", event.name);
        }
    }
    lines
}
