//! Every small fault of `make mutants` still can be put in: its place in the code is as its patch remembers it.

use crate::none;
use crate::project::{PROJECT, has_extension};

const MUTANTS_MIN: usize = 20;

#[test]
fn every_mutant_still_applies() {
    let patches: Vec<&String> = PROJECT
        .files
        .iter()
        .filter(|path| path.starts_with("tests/mutants/") && has_extension(path, "patch"))
        .collect();
    assert!(patches.len() >= MUTANTS_MIN, "{} mutants are few", patches.len());
    let mut findings = Vec::new();
    for path in patches {
        let patch = PROJECT.text(path);
        let says = patch.lines().next().is_some_and(|line| !line.is_empty() && !line.contains(':'));
        if !says {
            findings.push(format!("{path}:1: says nothing; begin with what the fault is, in a sentence"));
        }
        let file = patch.lines().find_map(|line| line.strip_prefix("--- a/")).unwrap_or_default();
        let text = if PROJECT.has(file) { PROJECT.text(file) } else { String::new() };
        for hunk in hunks(&patch).into_iter().filter(|hunk| !text.contains(hunk)) {
            let begins = hunk.lines().next().unwrap_or_default();
            findings
                .push(format!("{path}: `{begins}` and what follows is not in {file}; make the patch anew"));
        }
    }
    none(&findings);
}

/// What each hunk of a patch finds: the lines it keeps, and those it removes.
fn hunks(patch: &str) -> Vec<String> {
    let mut hunks: Vec<String> = Vec::new();
    for line in patch.lines().skip_while(|line| !line.starts_with("@@")) {
        match (line.chars().next(), hunks.last_mut()) {
            (Some('@'), _) => hunks.push(String::new()),
            (Some(' ' | '-'), Some(hunk)) => {
                hunk.push_str(&line[1..]);
                hunk.push('\n');
            }
            _ => {}
        }
    }
    hunks
}
