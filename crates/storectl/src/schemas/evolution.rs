//! What may change from one version to a later one: FULL_TRANSITIVE, and stricter.

use apache_avro::Schema;
use apache_avro::schema::{RecordSchema, SchemaKind};
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

use super::Finding;
use super::folder::{Source, finding};
use super::shape::inline;

/// Every pair of `versions`, oldest first.
pub(crate) fn check(versions: &[&Source], findings: &mut Vec<Finding>) {
    for (at, newer) in versions.iter().enumerate() {
        for older in &versions[..at] {
            let said = compare(&older.schema, &newer.schema);
            findings.extend(said.into_iter().map(|sentence| {
                let release = older.file.display();
                finding(&newer.file, format!("{sentence} (compared with {release}); a change that cannot be compatible is a new event name"))
            }));
        }
    }
}

fn compare(older: &Schema, newer: &Schema) -> Vec<String> {
    let (Some(older), Some(newer)) = (inline(older), inline(newer)) else {
        return vec!["contains itself: take an array of records instead".to_owned()];
    };
    let mut said = Vec::new();
    strict(&older, &newer, "the record", &mut said);
    for (writer, reader, direction) in [
        (&older, &newer, "new code cannot read old events"),
        (&newer, &older, "old code cannot read new events"),
    ] {
        // Partial means that some data would not be read: that is a broken promise too.
        match SchemaCompatibility::can_read(writer, reader) {
            Ok(Compatibility::Full) => {}
            Ok(Compatibility::Partial) => {
                said.push(format!("{direction} of every kind: take the change back"));
            }
            Err(error) => {
                said.push(format!("{direction} ({}): take the change back", first_line(&error.to_string())));
            }
        }
    }
    said
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Avro lets logical types, numbers and names change under readers that do not notice; here nothing changes its type.
fn strict(older: &Schema, newer: &Schema, at: &str, said: &mut Vec<String>) {
    if kind(older) != kind(newer) || older.name() != newer.name() {
        said.push(format!(
            "{at} changes from {} to {}: give it its type back",
            describe(older),
            describe(newer)
        ));
        return;
    }
    match (older, newer) {
        (Schema::Record(older), Schema::Record(newer)) => fields(older, newer, at, said),
        (Schema::Array(older), Schema::Array(newer)) => strict(&older.items, &newer.items, at, said),
        (Schema::Map(older), Schema::Map(newer)) => strict(&older.types, &newer.types, at, said),
        (Schema::Union(older), Schema::Union(newer)) => {
            if older.variants().len() != newer.variants().len() {
                said.push(format!(
                    "{at} changes the types of its union: give it its types back, in their order"
                ));
                return;
            }
            for (older, newer) in older.variants().iter().zip(newer.variants()) {
                strict(older, newer, at, said);
            }
        }
        (Schema::Enum(older), Schema::Enum(newer)) => {
            for gone in older.symbols.iter().filter(|symbol| !newer.symbols.contains(symbol)) {
                said.push(format!("{at} loses the symbol {gone}: put it back"));
            }
        }
        _ => {}
    }
}

fn fields(older: &RecordSchema, newer: &RecordSchema, at: &str, said: &mut Vec<String>) {
    for old in &older.fields {
        let at = format!("{at}'s field {}", old.name);
        match newer.fields.iter().find(|new| new.name == old.name) {
            None => said.push(format!("{at} is gone: put it back")),
            Some(new) => {
                if old.default != new.default {
                    said.push(format!(
                        "{at} changes its default: old events would read otherwise than before, give it back"
                    ));
                }
                strict(&old.schema, &new.schema, &at, said);
            }
        }
    }
    let added = newer.fields.iter().filter(|new| !older.fields.iter().any(|old| old.name == new.name));
    for new in added.filter(|new| new.default.is_none()) {
        said.push(format!("{at}'s new field {} has no default: give it one, old events lack it", new.name));
    }
}

/// The logical type is part of the kind, the form of a uuid is not.
fn kind(schema: &Schema) -> (SchemaKind, Option<String>) {
    let form = if let Schema::Uuid(form) = schema { Some(format!("{form:?}")) } else { None };
    (SchemaKind::from(schema), form)
}

fn describe(schema: &Schema) -> String {
    schema
        .name()
        .map_or_else(|| format!("{:?}", SchemaKind::from(schema)).to_lowercase(), |name| name.fullname(None))
}
