//! What in a new document breaks callers of the old one. Errors are left out: every caller must expect any of them.

use serde_json::Value;

use super::shape::{Comparison, Direction};
use super::version;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// A sentence for each thing that breaks callers; none when the version says so.
pub(super) fn unannounced(kept: &Value, said: &Value) -> Vec<String> {
    if version::announces(kept, said) {
        return Vec::new();
    }
    let remedy = format!(
        "callers that exist would break: keep it, or raise the major version in `info(version = …)` (now {})",
        version::of(said)
    );
    breaks(kept, said).into_iter().map(|what| format!("{what}; {remedy}")).collect()
}

/// What breaks, whatever the version says.
pub(super) fn breaks(kept: &Value, said: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, item) in members(&kept["paths"]) {
        for method in METHODS.into_iter().filter(|method| item[method].is_object()) {
            let name = format!("{} {path}", method.to_uppercase());
            let new = &said["paths"][path][method];
            if new.is_object() {
                compare(&name, (kept, &item[method]), (said, new), &mut found);
            } else {
                found.push(format!("{name} was removed"));
            }
        }
    }
    found
}

type In<'a> = (&'a Value, &'a Value);

fn compare(name: &str, (kept, old): In<'_>, (said, new): In<'_>, found: &mut Vec<String>) {
    parameters(name, (kept, old), (said, new), found);
    let mut ask = Comparison::new(Direction::Asked, kept, said);
    for (media_type, content) in members(&old["requestBody"]["content"]) {
        match new["requestBody"]["content"].get(media_type) {
            None => found.push(format!("{name} no longer takes {media_type}")),
            Some(now) => ask.schemas(&format!("{name} body"), &content["schema"], &now["schema"]),
        }
    }
    if new["requestBody"]["required"] == true && old["requestBody"]["required"] != true {
        found.push(format!("{name} now needs a body"));
    }
    found.append(&mut ask.found);
    let mut answer = Comparison::new(Direction::Answered, kept, said);
    for (status, response) in members(&old["responses"]).filter(|(status, _)| status.starts_with('2')) {
        let Some(now) = new["responses"].get(status) else {
            found.push(format!("{name} no longer answers {status}"));
            continue;
        };
        for (media_type, content) in members(&response["content"]) {
            match now["content"].get(media_type) {
                None => found.push(format!("{name} no longer answers {status} as {media_type}")),
                Some(now) => answer.schemas(&format!("{name} {status}"), &content["schema"], &now["schema"]),
            }
        }
        for (header, _) in
            members(&response["headers"]).filter(|(name, _)| now["headers"].get(name).is_none())
        {
            found.push(format!("{name} {status} no longer has the header {header}"));
        }
    }
    found.append(&mut answer.found);
}

fn parameters(name: &str, (kept, old): In<'_>, (said, new): In<'_>, found: &mut Vec<String>) {
    let list = |operation: &Value| operation["parameters"].as_array().cloned().unwrap_or_default();
    let (before, now) = (list(old), list(new));
    let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
    let called = |parameter: &Value| {
        let text = |member: &str| parameter[member].as_str().unwrap_or_default().to_owned();
        format!("the {} parameter {}", text("in"), text("name"))
    };
    let mut ask = Comparison::new(Direction::Asked, kept, said);
    for parameter in &before {
        match now.iter().find(|other| same(parameter, other)) {
            None => found.push(format!("{name} no longer knows {}", called(parameter))),
            Some(other) => {
                let at = format!("{name} {}", called(parameter));
                ask.schemas(&at, &parameter["schema"], &other["schema"]);
            }
        }
    }
    for parameter in now.iter().filter(|parameter| parameter["required"] == true) {
        if !before.iter().any(|other| same(parameter, other) && other["required"] == true) {
            found.push(format!("{name} now needs {}", called(parameter)));
        }
    }
    found.append(&mut ask.found);
}

pub(super) fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
