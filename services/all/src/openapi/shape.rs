//! Whether a schema still fits those who were written for an older one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::breaking::members;

/// Whose data it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// The caller's: what was taken must be taken.
    Asked,
    /// Ours: nothing may come that could not come before.
    Answered,
}

/// Looks at pairs of schemas of two documents.
pub(super) struct Comparison<'a> {
    direction: Direction,
    kept: &'a Value,
    said: &'a Value,
    /// Pairs under way: a type may contain itself.
    open: Vec<(&'a Value, &'a Value)>,
    /// What breaks.
    pub(super) found: Vec<String>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(direction: Direction, kept: &'a Value, said: &'a Value) -> Self {
        Self { direction, kept, said, open: Vec::new(), found: Vec::new() }
    }

    pub(super) fn schemas<'b>(&mut self, at: &str, old: &'b Value, new: &'b Value)
    where
        'b: 'a,
    {
        let (kept, said) = (self.kept, self.said);
        let (old_null, old) = plain(kept, old);
        let (new_null, new) = plain(said, new);
        if self.open.iter().any(|&(a, b)| std::ptr::eq(a, old) && std::ptr::eq(b, new)) {
            return;
        }
        self.open.push((old, new));
        self.types(at, (old, old_null), (new, new_null));
        self.values(at, old, new);
        if self.direction == Direction::Asked {
            self.bounds(at, old, new);
        }
        if old["format"] != new["format"] {
            self.found.push(format!("{at} changed its format from {} to {}", old["format"], new["format"]));
        }
        self.properties(at, old, new);
        for part in ["items", "additionalProperties"] {
            if old[part].is_object() && new[part].is_object() {
                self.schemas(&format!("{at}/*"), &old[part], &new[part]);
            }
        }
        self.open.pop();
    }

    fn types(&mut self, at: &str, (old, old_null): (&Value, bool), (new, new_null): (&Value, bool)) {
        let (before, now) = (types(old, old_null), types(new, new_null));
        let fits = match self.direction {
            _ if before.is_empty() || now.is_empty() => before == now,
            Direction::Asked => before.is_subset(&now),
            Direction::Answered => now.is_subset(&before),
        };
        if !fits {
            let list = |types: &BTreeSet<&str>| types.iter().copied().collect::<Vec<_>>().join(" or ");
            self.found.push(format!("{at} was {} and is now {}", list(&before), list(&now)));
        }
    }

    /// Enums.
    fn values(&mut self, at: &str, old: &Value, new: &Value) {
        let (before, now) = (old["enum"].as_array(), new["enum"].as_array());
        match (self.direction, before, now) {
            (Direction::Asked, Some(before), Some(now)) => {
                let gone = before.iter().filter(|value| !now.contains(value));
                self.found.extend(gone.map(|value| format!("{at} no longer takes {value}")));
            }
            (Direction::Answered, Some(before), Some(now)) => {
                let unknown = now.iter().filter(|value| !before.contains(value));
                self.found.extend(unknown.map(|value| format!("{at} may now be {value}")));
            }
            (Direction::Asked, None, Some(_)) => self.found.push(format!("{at} takes only some values now")),
            (Direction::Answered, Some(_), None) => self.found.push(format!("{at} may now be anything")),
            (Direction::Asked, _, None) | (Direction::Answered, None, _) => {}
        }
    }

    fn bounds(&mut self, at: &str, old: &Value, new: &Value) {
        for (name, grows_narrower) in [
            ("minimum", true),
            ("minLength", true),
            ("minItems", true),
            ("maximum", false),
            ("maxLength", false),
            ("maxItems", false),
        ] {
            let narrower = match (old[name].as_f64(), new[name].as_f64()) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(before), Some(now)) => {
                    if grows_narrower {
                        now > before
                    } else {
                        now < before
                    }
                }
            };
            if narrower {
                self.found
                    .push(format!("{at} has a narrower {name}: {} instead of {}", new[name], old[name]));
            }
        }
        if new["pattern"].is_string() && old["pattern"] != new["pattern"] {
            self.found.push(format!("{at} has another pattern: {}", new["pattern"]));
        }
    }

    fn properties<'b>(&mut self, at: &str, old: &'b Value, new: &'b Value)
    where
        'b: 'a,
    {
        for (name, before) in members(&old["properties"]) {
            match (new["properties"].get(name), self.direction) {
                (Some(now), _) => self.schemas(&format!("{at}/{name}"), before, now),
                (None, Direction::Answered) => self.found.push(format!("{at}/{name} is no longer answered")),
                (None, Direction::Asked) => self.found.push(format!("{at}/{name} is no longer taken")),
            }
        }
        let (before, now) = (required(old), required(new));
        match self.direction {
            Direction::Asked => {
                let needed = now.difference(&before).map(|name| format!("{at}/{name} is now required"));
                self.found.extend(needed);
            }
            Direction::Answered => {
                let there = |name: &&&str| new["properties"].get(**name).is_some();
                let missing = before.difference(&now).filter(there);
                self.found.extend(missing.map(|name| format!("{at}/{name} may now be missing")));
            }
        }
    }
}

/// The schema itself, and whether it may be null: behind references, and out of `oneOf` a schema and null.
fn plain<'a>(document: &'a Value, schema: &'a Value) -> (bool, &'a Value) {
    let schema = match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).unwrap_or(schema),
        None => schema,
    };
    let Some(choices) = schema["oneOf"].as_array() else { return (false, schema) };
    let (nulls, others): (Vec<&Value>, Vec<&Value>) =
        choices.iter().partition(|choice| choice["type"] == "null");
    match others[..] {
        [only] => {
            let (null, schema) = plain(document, only);
            (null || !nulls.is_empty(), schema)
        }
        _ => (!nulls.is_empty(), schema),
    }
}

fn types(schema: &Value, null: bool) -> BTreeSet<&str> {
    let named: BTreeSet<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        single => single.as_str().into_iter().collect(),
    };
    if named.is_empty() { named } else { named.into_iter().chain(null.then_some("null")).collect() }
}

fn required(schema: &Value) -> BTreeSet<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
