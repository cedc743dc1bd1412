//! What the documents say of the project is there.

use std::collections::BTreeSet;

use crate::none;
use crate::project::{PROJECT, has_extension};

const ADR_LINES_MAX: usize = 40;
/// A name with one of these endings is the name of a file.
const FILES: [&str; 10] = ["avsc", "hex", "html", "json", "md", "rs", "sql", "toml", "txt", "yml"];
/// Files that programs write.
const WRITTEN: [&str; 6] =
    ["bench.json", "bench-log.json", "manifest.json", "state.json", "shared.json", "openapi.json"];

#[test]
fn documents_name_only_paths_that_exist() {
    let mut findings = Vec::new();
    for path in documents() {
        let text = PROJECT.text(path);
        for (line, span) in spans(&text) {
            if is_path(span) && !exists(span) {
                findings.push(format!("{path}:{line}: `{span}` does not exist; name what is there"));
            }
        }
        for (line, target) in links(&text) {
            if !exists(&beside(path, target)) {
                findings
                    .push(format!("{path}:{line}: the link to {target} leads nowhere; name what is there"));
            }
        }
    }
    none(&findings);
}

#[test]
fn documents_name_only_commands_that_exist() {
    let makefile = PROJECT.text("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter(|line| line.starts_with(|letter: char| letter.is_ascii_lowercase()))
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect();
    let mut findings = Vec::new();
    for path in documents() {
        let text = PROJECT.text(path);
        let fenced = fenced(&text).map(|(line, command)| (line, command.trim_start_matches("$ ")));
        for (line, command) in spans(&text).chain(fenced) {
            let Some(rest) = command.trim().strip_prefix("make ") else { continue };
            let named =
                rest.split_whitespace().take_while(|word| !word.starts_with(['#', '&', '|', ';', '>']));
            let unknown =
                named.filter(|word| !word.contains('=') && !word.starts_with('-') && !targets.contains(word));
            findings.extend(
                unknown.map(|word| format!("{path}:{line}: `make {word}` does not exist; see `make help`")),
            );
        }
    }
    none(&findings);
}

#[test]
fn every_command_of_the_makefile_says_what_it_does() {
    let makefile = PROJECT.text("Makefile");
    let mut findings = Vec::new();
    let phony = makefile.lines().find_map(|line| line.strip_prefix(".PHONY: ")).unwrap_or_default();
    let internal = ["compilers", "maven"];
    for target in phony.split_whitespace().filter(|target| !internal.contains(target)) {
        if !makefile.lines().any(|line| line.starts_with(&format!("{target}:")) && line.contains(" ## ")) {
            findings.push(format!("Makefile:1: `{target}` has no help; add `## …` behind its prerequisites"));
        }
    }
    none(&findings);
}

/// The page with every setting.
const SETTINGS: &str = "docs/settings.md";

#[test]
fn every_setting_is_in_its_table_and_nothing_else_is() {
    let in_code: BTreeSet<String> = PROJECT
        .sources
        .iter()
        .filter(|source| !PROJECT.is_test(&source.path))
        .flat_map(|source| settings(&PROJECT.text(&source.path)))
        .collect();
    let page = PROJECT.text(SETTINGS);
    let documented: BTreeSet<String> = page
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    assert!(in_code.len() > 30, "the settings are not found any more: {in_code:?}");
    let missing =
        in_code.difference(&documented).map(|name| format!("{SETTINGS}:1: lacks `{name}`; add a line"));
    let stale = documented
        .difference(&in_code)
        .map(|name| format!("{SETTINGS}:1: names `{name}`, which no program reads; remove the line"));
    none(&missing.chain(stale).collect::<Vec<_>>());
}

/// Environment variables that a file reads by a flag, or by name.
fn settings(text: &str) -> Vec<String> {
    let pieces = [concat!("env", " = \""), concat!("from(", "\"")].into_iter();
    let named = pieces.flat_map(|before| text.split(before).skip(1).filter_map(|rest| rest.split_once('"')));
    let is_name = |name: &str| {
        name.contains('_')
            && !name.starts_with("XDG_") // the desktop's own
            && name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
    };
    named.map(|(name, _)| name.to_owned()).filter(|name| is_name(name) || name == "MIGRATE").collect()
}

#[test]
fn decisions_are_numbered_and_fit_on_a_page() {
    let adrs = PROJECT.files.iter().filter_map(|path| path.strip_prefix("docs/adr/"));
    let mut findings = Vec::new();
    for (index, name) in adrs.enumerate() {
        let (path, number) = (format!("docs/adr/{name}"), format!("{:04}-", index + 1));
        if !name.starts_with(&number) {
            findings
                .push(format!("{path}:1: should begin with {number}; numbers go on from 0001 without gaps"));
        }
        let text = PROJECT.text(&path);
        let missing = ["## Context", "## Decision", "## Consequences", "## Alternatives"].into_iter();
        findings.extend(
            missing
                .filter(|part| !text.contains(part))
                .map(|part| format!("{path}:1: has no part {part}; write it")),
        );
        let lines = text.lines().count();
        if lines > ADR_LINES_MAX {
            findings
                .push(format!("{path}:{lines}: has {lines} lines, {ADR_LINES_MAX} is the most; say less"));
        }
    }
    none(&findings);
}

fn documents() -> impl Iterator<Item = &'static str> {
    PROJECT.files.iter().map(String::as_str).filter(|path| has_extension(path, "md"))
}

/// What stands between backticks, with its line.
pub fn spans(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_fence = false;
    text.lines().enumerate().flat_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        in_fence ^= fence;
        let odd = line.split('`').skip(1).step_by(2).map(move |span| (index + 1, span));
        odd.take(if fence || in_fence { 0 } else { usize::MAX })
    })
}

/// Lines inside fences.
fn fenced(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_fence = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        in_fence ^= fence;
        (in_fence && !fence).then_some((index + 1, line.trim()))
    })
}

/// Targets of links inside the project, without anchors.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let targets = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
        targets
            .filter(|target| !target.is_empty() && !target.contains("://"))
            .map(move |target| (index + 1, target))
    })
}

fn is_path(span: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
    let span = span.split("::").next().unwrap_or_default();
    let rate = span.ends_with("/s"); // orders/s
    if !span.chars().all(plain) || span.starts_with('/') || rate || WRITTEN.contains(&span) {
        return false;
    }
    let first = span.split('/').next().unwrap_or_default();
    let folder =
        span.contains('/') && PROJECT.folders.iter().any(|path| path.rsplit('/').next() == Some(first));
    folder || FILES.iter().any(|extension| has_extension(span, extension))
}

/// A whole path, or the end of one: `domain/saga.rs`.
fn exists(span: &str) -> bool {
    let path = span.split("::").next().unwrap_or_default().trim_end_matches('/');
    let end = format!("/{path}");
    PROJECT.files.iter().chain(&PROJECT.folders).any(|found| found == path || found.ends_with(&end))
}

fn beside(document: &str, target: &str) -> String {
    let mut folders: Vec<&str> = document.split('/').collect();
    folders.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => drop(folders.pop()),
            part => folders.push(part),
        }
    }
    folders.join("/")
}

#[test]
fn paths_are_told_from_other_words() {
    for span in ["docs/adr", "tests/", "saga.rs", "crates/kernel/src/lib.rs::Clock"] {
        assert!(is_path(span), "{span}");
    }
    for span in [
        "/orders/{id}",
        "application/json",
        "orders/s",
        "cargo test",
        "schemas/<topic>/<Record>.avsc",
        "OrderCreated",
    ] {
        assert!(!is_path(span), "{span}");
    }
    assert!(exists("kernel/src/lib.rs") && !exists("kernel/src/library.rs"));
    assert_eq!(beside("docs/adr/0001-a.md", "../../README.md"), "README.md");
}
