//! What must not be anywhere.

use crate::none;
use crate::project::{PROJECT, has_extension};
use crate::source::words;

#[test]
fn no_test_is_ignored() {
    let mut findings = Vec::new();
    for source in &PROJECT.sources {
        let ignored = source.numbered().filter(|(_, code)| {
            let code = code.replace(' ', "");
            code.contains("#[ignore")
                || (code.contains("cfg_attr(") && words(&code).any(|word| word == "ignore"))
        });
        findings.extend(ignored.map(|(line, _)| {
            format!(
                "{}:{line}: ignores a test; mend it or delete it: what is skipped in silence proves nothing",
                source.path
            )
        }));
    }
    none(&findings);
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // In two pieces, so that this file passes its own rule.
    let paths = [
        concat!("../", "shared"),
        concat!("/", "work/"),
        concat!("/", "root/"),
        concat!("/", "home/"),
        concat!("/", "Users/"),
    ];
    let findings = in_every_text(|line| {
        let path = paths.iter().find(|path| line.contains(**path))?;
        Some(format!("names `{path}`, which is not on other machines; use a path from the project's root"))
    });
    none(&findings);
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
    let findings = in_every_text(|line| {
        let mark = words(line).find(|word| marks.contains(word))?;
        Some(format!("says {mark}; do it now, or open an issue"))
    });
    none(&findings);
}

#[test]
fn a_queue_without_a_bound_says_what_bounds_it() {
    let mut findings = Vec::new();
    for source in PROJECT.sources.iter().filter(|source| !PROJECT.is_test(&source.path)) {
        let unbounded = source
            .shipped()
            .filter(|(_, code)| code.contains("unbounded_channel(") || code.contains("unbounded()"));
        let silent = unbounded.filter(|(line, _)| !source.lines[line - 1].contains("//"));
        findings.extend(silent.map(|(line, _)| {
            format!("{}:{line}: makes a queue without a bound; give it one, or say in the same line what bounds it", source.path)
        }));
    }
    none(&findings);
}

#[test]
fn files_are_plain_text_with_unix_lines_and_an_end() {
    let mut findings = Vec::new();
    for path in &PROJECT.files {
        let Some(text) = PROJECT.text_if_text(path) else { continue };
        if text.contains('\r') {
            findings.push(format!("{path}:1: has carriage returns; save it with Unix line ends"));
        }
        if !text.is_empty() && !text.ends_with('\n') {
            findings.push(format!("{path}:{}: does not end with a new line; add one", text.lines().count()));
        }
    }
    none(&findings);
}

fn in_every_text(say: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut findings = Vec::new();
    for path in
        PROJECT.files.iter().filter(|path| !has_extension(path, "lock") && !has_extension(path, "hex"))
    {
        let Some(text) = PROJECT.text_if_text(path) else { continue };
        for (index, line) in text.lines().enumerate() {
            findings.extend(say(line).map(|what| format!("{path}:{}: {what}", index + 1)));
        }
    }
    findings
}
