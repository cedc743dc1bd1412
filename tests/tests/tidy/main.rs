//! The rules of the project's shape: what must not be anywhere, and what must be everywhere. They read the files of the
//! checkout and need nothing else, so a rule that is broken fails the build instead of waiting for a reviewer.
#![expect(clippy::unwrap_used, reason = "what a test cannot get fails it")]

mod compose;
mod documents;
mod habits;
mod layers;
mod manifests;
mod migrations;
mod mutants;
mod project;
mod promises;
mod rooms;
mod source;
mod telemetry;
mod wire;

/// Fails with every finding, each `file:line: what is wrong; what to do`.
#[track_caller]
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}
