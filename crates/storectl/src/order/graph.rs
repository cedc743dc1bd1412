//! Which event caused which, for Markdown pages and for Graphviz.

use std::io::{self, Write};

use super::story::Story;

/// As a Mermaid flowchart.
pub fn mermaid(story: &Story, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "flowchart TD")?;
    for (service, nodes) in by_service(story) {
        writeln!(out, "  subgraph {service}")?;
        for (number, name, time) in nodes {
            writeln!(out, "    e{number}[\"{number} {name}<br/>{time}\"]")?;
        }
        writeln!(out, "  end")?;
    }
    edges(story).try_for_each(|(cause, effect)| writeln!(out, "  e{cause} --> e{effect}"))
}

/// As a digraph in DOT.
pub fn dot(story: &Story, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "digraph order {{\n  node [shape=box];\n  label=\"order {}\";", story.order_id)?;
    for (index, (service, nodes)) in by_service(story).into_iter().enumerate() {
        writeln!(out, "  subgraph cluster_{index} {{\n    label=\"{service}\";")?;
        for (number, name, time) in nodes {
            writeln!(out, "    e{number} [label=\"{number} {name}\\n{time}\"];")?;
        }
        writeln!(out, "  }}")?;
    }
    edges(story).try_for_each(|(cause, effect)| writeln!(out, "  e{cause} -> e{effect};"))?;
    writeln!(out, "}}")
}

type Node = (usize, String, String);

/// In the order in which the services come into the story.
fn by_service(story: &Story) -> Vec<(String, Vec<Node>)> {
    let mut services: Vec<(String, Vec<Node>)> = Vec::new();
    for (index, step) in story.steps.iter().enumerate() {
        let node = (index + 1, plain(&step.name), plain(&step.time.to_string()));
        let service = plain(&step.service);
        match services.iter_mut().find(|(known, _)| *known == service) {
            Some((_, nodes)) => nodes.push(node),
            None => services.push((service, vec![node])),
        }
    }
    services
}

fn edges(story: &Story) -> impl Iterator<Item = (usize, usize)> {
    let effects = story.steps.iter().enumerate();
    effects.filter_map(|(index, step)| Some((story.cause(step)?, index + 1)))
}

/// Names come from headers, which whoever may write to the log chooses: nothing of them is syntax.
fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_alphanumeric() || "-_.:".contains(letter) { letter } else { '_' })
        .collect()
}
