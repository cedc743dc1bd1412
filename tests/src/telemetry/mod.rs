//! What the project promises to those who watch a store: the table of metrics, the dashboards, the alerts.

mod document;
mod expressions;

use std::path::{Path, PathBuf};

pub use document::{Allowed, Document, Metric, Set};
pub use expressions::{Expression, dashboards, names, rules, sections};

/// A path from the root of the project.
pub fn project(path: &str) -> PathBuf {
    // Cargo says where the package is when the tests run; the checkout may have moved since they were built.
    let package =
        std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&package).join("..").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}
