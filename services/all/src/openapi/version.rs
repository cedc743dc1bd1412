//! When a version says that callers must look.

use serde_json::Value;

/// Whether the version of `said` tells callers of `kept` that something may have broken (semver): a higher major version, or
/// before 1.0.0 a higher minor one.
pub(super) fn announces(kept: &Value, said: &Value) -> bool {
    match (parts(kept), parts(said)) {
        (Some((0, kept)), Some((0, said))) | (Some((kept, _)), Some((said, _))) => said > kept,
        _ => false,
    }
}

/// As it is written.
pub(super) fn of(document: &Value) -> &str {
    document["info"]["version"].as_str().unwrap_or("missing")
}

fn parts(document: &Value) -> Option<(u64, u64)> {
    let mut numbers = of(document).split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}
