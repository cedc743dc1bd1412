//! What each type of problem means, and what to do about it: pages for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escaped;
use crate::Problem;
use crate::openapi::occurrence;
use crate::problem::{Kind, REFUSED, TYPE_PREFIX};

const PAGE: &str = include_str!("problem.html");

/// The list of all.
pub(super) fn list(program: &str, kinds: &[&Kind]) -> String {
    let mut content = String::from(
        "<p>Every error is <code>application/problem+json</code> (RFC 9457). Its <code>type</code> is one of these and \
         never changes; decide by it, show <code>detail</code> to people.</p>\n\
         <table>\n<tr><th>status</th><th>type</th><th>what it means</th></tr>\n",
    );
    for kind in kinds {
        let _infallible = writeln!(
            content,
            "<tr><td>{}</td><td><a href=\"/docs/problems/{slug}\">{slug}</a></td><td>{}</td></tr>",
            status(kind),
            marked(kind.meaning),
            slug = kind.slug,
        );
    }
    content.push_str("</table>");
    page(program, "Problem types", &content)
}

/// The page of each, by slug.
pub(super) fn pages(program: &str, kinds: &[&'static Kind]) -> BTreeMap<&'static str, String> {
    kinds.iter().map(|kind| (kind.slug, page(program, kind.title, &explained(kind)))).collect()
}

/// By the whole `type`, or by its last part.
pub(super) fn find<'a>(pages: &'a BTreeMap<&'static str, String>, named: &str) -> Option<&'a String> {
    pages.get(named.strip_prefix(TYPE_PREFIX).unwrap_or(named))
}

pub(super) fn unknown(named: &str) -> Problem {
    let shown: String = named.chars().take(60).collect();
    Problem::not_found(format!(
        "this program answers with no problem of the type {shown:?}; /docs/problems lists all"
    ))
}

fn explained(kind: &Kind) -> String {
    let example = serde_json::to_string_pretty(&occurrence(kind)).unwrap_or_default();
    format!(
        "<p>HTTP status {}, <code>type</code> <code>{}</code></p>\n<h2>What it means</h2>\n<p>{}</p>\n\
         <h2>What to do</h2>\n<p>{}</p>\n<h2>An example</h2>\n<pre>{}</pre>",
        status(kind),
        kind.uri(),
        marked(kind.meaning),
        marked(kind.remedy),
        escaped(&example),
    )
}

fn status(kind: &Kind) -> String {
    if *kind == REFUSED { "4xx".to_owned() } else { kind.status.as_u16().to_string() }
}

/// `code` between backticks.
fn marked(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in escaped(text).split('`').enumerate() {
        html.extend(if index % 2 == 1 { ["<code>", part, "</code>"] } else { ["", part, ""] });
    }
    html
}

fn page(program: &str, title: &str, content: &str) -> String {
    PAGE.replace("{{program}}", &escaped(program))
        .replace("{{title}}", &escaped(title))
        .replace("{{content}}", content)
}
