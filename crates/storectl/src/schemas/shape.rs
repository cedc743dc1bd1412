//! What every schema looks like, whatever came before it.

use apache_avro::Schema;
use apache_avro::schema::{
    EnumSchema, Name, NamesRef, RecordField, RecordSchema, ResolvedSchema, UnionSchema,
};
use serde_json::Value as Json;

use super::folder::{Entry, Source, finding};
use super::{Finding, OWNERS};

pub(crate) fn check(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) {
    let mut say = |sentence: String| findings.push(finding(&source.file, sentence));
    let namespace = format!("counterflow.{}", entry.topic);
    let owners = OWNERS.iter().filter(|(topic, _)| *topic == entry.topic).count();
    if owners != 1 {
        let remedy = "name exactly one service in storectl::schemas::OWNERS";
        say(format!("the topic {} has {owners} owners: {remedy}", entry.topic));
    }
    let Schema::Record(record) = &source.schema else {
        say("is not a record: an event is a record at the top".to_owned());
        return;
    };
    let expected = format!("{namespace}.{}", entry.name);
    if record.name.fullname(None) != expected {
        say(format!(
            "describes {}: call it {expected}, as its folder and file say",
            record.name.fullname(None)
        ));
    }
    if !record.fields.iter().any(|field| matches!(field.schema, Schema::TimestampMicros)) {
        say("has no time: add a field of logical type timestamp-micros, every event happened at some moment"
            .to_owned());
    }
    for sentence in logical_types(&source.json) {
        say(sentence);
    }
    visit(&source.schema, &entry.name, &mut |at, schema| {
        for sentence in rules(at, schema, &namespace) {
            say(sentence);
        }
    });
}

fn rules(at: &str, schema: &Schema, namespace: &str) -> Vec<String> {
    match schema {
        Schema::Record(RecordSchema { name, doc, fields, .. }) => {
            let mut said = named(at, name, doc.as_ref(), namespace);
            let undocumented = fields.iter().filter(|field| is_blank(field.doc.as_ref()));
            said.extend(
                undocumented.map(|field| format!("{at}.{} has no doc: say what it means", field.name)),
            );
            said
        }
        Schema::Enum(EnumSchema { name, doc, default, .. }) => {
            let mut said = named(at, name, doc.as_ref(), namespace);
            if default.as_deref() != Some("unknown") {
                said.push(format!(
                    "{at} has no default symbol: add the symbol unknown and \"default\": \"unknown\""
                ));
            }
            said
        }
        Schema::Fixed(_)
        | Schema::Map(_)
        | Schema::Float
        | Schema::Double
        | Schema::Decimal(_)
        | Schema::BigDecimal => {
            vec![format!(
                "{at} has a type no event here uses: take a record, array, enum, string, int or long"
            )]
        }
        _ => Vec::new(),
    }
}

fn named(at: &str, name: &Name, doc: Option<&String>, namespace: &str) -> Vec<String> {
    let mut said = Vec::new();
    if name.namespace() != Some(namespace) {
        said.push(format!(
            "{} is outside of the namespace {namespace}: leave its namespace out",
            name.fullname(None)
        ));
    }
    if is_blank(doc) {
        said.push(format!("{at} has no doc: say what it means"));
    }
    said
}

fn is_blank(doc: Option<&String>) -> bool {
    doc.is_none_or(|doc| doc.trim().is_empty())
}

/// A logical type that is misspelt, or stands beside a type instead of in it, is ignored by Avro without a word.
fn logical_types(json: &Json) -> Vec<String> {
    match json {
        Json::Object(object) => {
            let fits = |logical: &Json| {
                matches!(
                    (object.get("type").and_then(Json::as_str), logical.as_str()),
                    (Some("string"), Some("uuid")) | (Some("long"), Some("timestamp-micros"))
                ) && !object.contains_key("name")
            };
            let wrong = object.get("logicalType").filter(|logical| !fits(logical));
            let remedy = "write {\"type\": \"string\", \"logicalType\": \"uuid\"} or {\"type\": \"long\", \"logicalType\": \"timestamp-micros\"} as the field's type";
            let said =
                wrong.map(|logical| format!("the logical type {logical} would be ignored here: {remedy}"));
            said.into_iter().chain(object.values().flat_map(logical_types)).collect()
        }
        Json::Array(items) => items.iter().flat_map(logical_types).collect(),
        _ => Vec::new(),
    }
}

/// Every schema inside, with a path people can find in the file.
fn visit(schema: &Schema, at: &str, see: &mut impl FnMut(&str, &Schema)) {
    see(at, schema);
    match schema {
        Schema::Record(record) => {
            for field in &record.fields {
                visit(&field.schema, &format!("{at}.{}", field.name), see);
            }
        }
        Schema::Array(array) => visit(&array.items, at, see),
        Schema::Map(map) => visit(&map.types, at, see),
        Schema::Union(union) => union.variants().iter().for_each(|variant| visit(variant, at, see)),
        _ => {}
    }
}

/// The same schema without references; `None` when it contains itself, which no event here does.
pub(crate) fn inline(schema: &Schema) -> Option<Schema> {
    let resolved = ResolvedSchema::try_from(schema).ok()?;
    replace(schema, resolved.get_names(), &mut Vec::new())
}

fn replace(schema: &Schema, names: &NamesRef<'_>, open: &mut Vec<Name>) -> Option<Schema> {
    match schema {
        Schema::Ref { name } => replace(names.get(name)?, names, open),
        Schema::Record(record) => {
            if open.contains(&record.name) {
                return None;
            }
            open.push(record.name.clone());
            let inlined = |field: &RecordField| {
                Some(RecordField { schema: replace(&field.schema, names, open)?, ..field.clone() })
            };
            let fields = record.fields.iter().map(inlined).collect::<Option<_>>()?;
            open.pop();
            Some(Schema::Record(RecordSchema { fields, ..record.clone() }))
        }
        Schema::Array(array) => Some(Schema::array(replace(&array.items, names, open)?).build()),
        Schema::Map(map) => Some(Schema::map(replace(&map.types, names, open)?).build()),
        Schema::Union(union) => {
            let variants = union
                .variants()
                .iter()
                .map(|variant| replace(variant, names, open))
                .collect::<Option<_>>()?;
            UnionSchema::new(variants).ok().map(Schema::Union)
        }
        plain => Some(plain.clone()),
    }
}
