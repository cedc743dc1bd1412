//! An Avro schema in words.

use serde_json::Value;

/// One field, however deep.
pub(super) struct Field {
    /// `lines[].sku`.
    pub(super) path: String,
    /// `uuid`, `list of Line`.
    pub(super) kind: String,
    pub(super) doc: String,
    /// As it is written in the schema.
    pub(super) default: Option<Value>,
}

/// The fields of a record; those of a record inside it follow the field where it is first named.
pub(super) fn fields(record: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    descend(record, "", &mut found);
    found
}

/// Everything a version may add: fields, and symbols of enums.
pub(super) fn parts(record: &Value) -> Vec<String> {
    let mut parts = Vec::new();
    for field in fields(record) {
        parts.push(format!("the field `{}`", field.path));
    }
    symbols(record, &mut parts);
    parts
}

fn descend(record: &Value, above: &str, found: &mut Vec<Field>) {
    for field in record["fields"].as_array().into_iter().flatten() {
        let path = format!("{above}{}", text(&field["name"]));
        found.push(Field {
            path: path.clone(),
            kind: kind(&field["type"]),
            doc: text(&field["doc"]),
            default: field.get("default").cloned(),
        });
        inside(&field["type"], &path, found);
    }
}

fn inside(schema: &Value, path: &str, found: &mut Vec<Field>) {
    match schema {
        Value::Array(variants) => variants.iter().for_each(|variant| inside(variant, path, found)),
        Value::Object(object) => match object.get("type").and_then(Value::as_str) {
            Some("record") => descend(schema, &format!("{path}."), found),
            Some("array") => inside(&object["items"], &format!("{path}[]"), found),
            _ => {}
        },
        _ => {}
    }
}

fn symbols(schema: &Value, parts: &mut Vec<String>) {
    match schema {
        Value::Array(items) => items.iter().for_each(|item| symbols(item, parts)),
        Value::Object(object) => {
            if let (Some("enum"), Some(listed)) =
                (object.get("type").and_then(Value::as_str), object.get("symbols").and_then(Value::as_array))
            {
                let name = text(&object["name"]);
                parts.extend(listed.iter().map(|symbol| format!("the symbol `{}` of {name}", text(symbol))));
            }
            object.values().for_each(|value| symbols(value, parts));
        }
        _ => {}
    }
}

fn kind(schema: &Value) -> String {
    match schema {
        Value::String(name) => name.clone(),
        Value::Array(variants) => variants.iter().map(kind).collect::<Vec<_>>().join(" or "),
        Value::Object(object) => {
            let of = object.get("type").and_then(Value::as_str).unwrap_or_default();
            match (of, object.get("logicalType").and_then(Value::as_str)) {
                (_, Some(logical)) => logical.to_owned(),
                ("array", _) => format!("list of {}", kind(&object["items"])),
                ("record", _) => text(&object["name"]),
                ("enum", _) => {
                    let symbols = object["symbols"].as_array().into_iter().flatten();
                    format!("one of {}", symbols.map(text).collect::<Vec<_>>().join(", "))
                }
                (plain, _) => plain.to_owned(),
            }
        }
        _ => String::new(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
