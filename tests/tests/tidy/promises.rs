//! What the documents promise is held by tests that exist.

use std::collections::BTreeSet;

use crate::documents::spans;
use crate::none;
use crate::project::PROJECT;
use crate::source::{Source, words};

const GUARANTEES: &str = "docs/guarantees.md";
/// Pages that name the test of what they say.
const PAGES: [&str; 5] =
    [GUARANTEES, "docs/poison.md", "docs/found.md", "docs/schemas.md", "docs/migrations.md"];
/// Begins the names of the tests of a promise; they end with the paragraph.
const TESTS: &str = "- **Tests**";
const PARTS: [&str; 5] =
    ["- **Promise**", "- **Holds under**", "- **Does not hold under**", "- **Mechanism**", TESTS];
/// Suites with a runner of their own list their tests.
const LISTS: [(&str, char); 3] = [("sentences![", ']'), ("kills! {", '}'), ("trials![", ']')];

#[test]
fn documents_name_only_tests_that_exist() {
    let tests = tests();
    assert!(tests.len() > 500, "the tests are not found any more: {tests:?}");
    let mut findings = Vec::new();
    for page in PAGES {
        findings.extend(unknown(&PROJECT.text(page), &tests).map(|(line, name)| {
            format!("{page}:{line}: there is no test `{name}`; name one that would fail")
        }));
    }
    none(&findings);
}

#[test]
fn every_promise_says_when_it_holds_when_not_by_what_and_which_tests_would_fail() {
    let text = PROJECT.text(GUARANTEES);
    let mut findings = Vec::new();
    let mut promises = 0;
    for section in text.split("\n## ").skip(1).filter(|section| section.contains(PARTS[0])) {
        promises += 1;
        let title = section.lines().next().unwrap_or_default();
        let lacks = PARTS.iter().filter(|part| !section.contains(**part));
        findings.extend(lacks.map(|part| format!("{GUARANTEES}: `{title}` does not say: {part}")));
        if named(section).next().is_none() {
            findings.push(format!("{GUARANTEES}: `{title}` names no test"));
        }
    }
    assert!(promises > 10, "the promises are not found any more");
    none(&findings);
}

/// Names of tests that are none: all that stand where tests are named, and elsewhere whatever looks like one.
fn unknown<'a>(text: &'a str, tests: &'a BTreeSet<String>) -> impl Iterator<Item = (usize, &'a str)> {
    let elsewhere = spans(text).filter(|(_, span)| is_sentence(span));
    let all: BTreeSet<_> = named(text).chain(elsewhere).collect();
    all.into_iter().filter(|(_, name)| !tests.contains(*name))
}

/// What stands in backticks in the paragraphs that name tests.
fn named(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    let lines: BTreeSet<usize> = text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            inside = line.starts_with(TESTS) || (inside && line.starts_with("  "));
            inside.then_some(index + 1)
        })
        .collect();
    spans(text).filter(move |(line, _)| lines.contains(line))
}

/// Tests are named by sentences of at least four words.
fn is_sentence(span: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    span.chars().all(plain) && span.matches('_').count() >= 3
}

/// Names of all tests of the project.
fn tests() -> BTreeSet<String> {
    let sources = || PROJECT.sources.iter();
    let functions = sources().flat_map(functions);
    let listed = sources().filter(|source| source.path.starts_with("tests/tests/")).flat_map(listed);
    functions.chain(listed).collect()
}

/// Functions with the attribute of a test, also those within `proptest!`.
fn functions(source: &Source) -> Vec<String> {
    let mut is_test = false;
    let mut names = Vec::new();
    for line in source.code.iter().map(|line| line.trim()).filter(|line| !line.is_empty()) {
        if line.starts_with("#[") {
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
            continue;
        }
        let name = words(line).skip_while(|word| *word != "fn").nth(1);
        names.extend(name.filter(|_| is_test).map(ToOwned::to_owned));
        is_test = false;
    }
    names
}

fn listed(source: &Source) -> Vec<String> {
    let code = source.code.join("\n");
    let lists = LISTS
        .iter()
        .flat_map(|(begin, end)| code.split(begin).skip(1).filter_map(|rest| Some(rest.split_once(*end)?.0)));
    let name = |item: &str| {
        let item = item.rsplit("::").next().unwrap_or_default();
        item.split(':').next().unwrap_or_default().trim().to_owned()
    };
    lists.flat_map(|list| list.split(',').map(name).collect::<Vec<_>>()).collect()
}

#[test]
fn a_test_that_is_named_and_does_not_exist_is_found() {
    let code = "#[test]\nfn one_two_three_four() {}\nfn helper_that_is_no_test() {}\nsentences![a_b_c_d: own_store];\n";
    let source = Source::new("tests/tests/a.rs".into(), code);
    let tests: BTreeSet<String> = functions(&source).into_iter().chain(listed(&source)).collect();
    let text = "`some_name_by_the_way`\n- **Tests**: `one_two_three_four`, `short`,\n  `a_b_c_d`.\n\n`short`\n- **Tests**: `helper_that_is_no_test`";
    let found: Vec<_> = unknown(text, &tests).collect();
    assert_eq!(found, [(1, "some_name_by_the_way"), (2, "short"), (6, "helper_that_is_no_test")]);
}
