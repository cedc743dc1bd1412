//! A program's `/openapi.json`, and whether what the program does is in it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

/// What comes before any operation is looked at.
const BEFORE_ROUTING: [u16; 1] = [413];

/// A parsed document.
#[derive(Debug)]
pub struct Document {
    pub json: Value,
    paths: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Document {
    pub fn parse(text: &str) -> Self {
        let json: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let statuses =
            |operation: &Value| members(&operation["responses"]).map(|(status, _)| status).collect();
        let methods = |item: &Value| {
            members(item).map(|(method, operation)| (method.to_uppercase(), statuses(&operation))).collect()
        };
        let paths = members(&json["paths"]).map(|(path, item)| (path, methods(&item))).collect();
        Self { json, paths }
    }

    /// Methods and paths, with the statuses each may answer.
    pub fn operations(&self) -> impl Iterator<Item = (Method, &str, &BTreeSet<String>)> {
        self.paths.iter().flat_map(|(path, methods)| {
            let method = |name: &str| name.parse().expect("a method");
            methods.iter().map(move |(name, statuses)| (method(name), path.as_str(), statuses))
        })
    }

    /// Paths, with the methods each has.
    pub fn paths(&self) -> impl Iterator<Item = (&str, BTreeSet<&str>)> {
        self.paths.iter().map(|(path, methods)| (path.as_str(), methods.keys().map(String::as_str).collect()))
    }

    /// An operation as it is described.
    pub fn operation(&self, method: &Method, path: &str) -> &Value {
        &self.json["paths"][path][method.as_str().to_lowercase()]
    }

    /// Panics unless the document knows that `method path` may answer `status`.
    #[track_caller]
    pub fn check(&self, method: &Method, path: &str, status: u16) {
        // A preflight is answered by whether pages of others may call, not by an operation.
        if BEFORE_ROUTING.contains(&status) || method == Method::OPTIONS {
            return;
        }
        let name = if method == Method::HEAD { "GET" } else { method.as_str() };
        match self.find(path) {
            None => assert_eq!(status, 404, "{method} {path} is served and not documented"),
            Some((_, methods)) => match methods.get(name) {
                None => assert_eq!(status, 405, "{method} {path} is served and not documented"),
                Some(known) => assert!(
                    known.contains(&status.to_string()),
                    "{method} {path} answers {status}, documented are {known:?}"
                ),
            },
        }
    }

    /// Panics unless `text` is what the document says of this answer.
    #[track_caller]
    pub fn check_body(&self, method: &Method, path: &str, status: u16, text: &str) {
        let Some((template, _)) = self.find(path) else { return };
        let response = &self.operation(method, template)["responses"][status.to_string()];
        let content = &response["content"];
        if content.is_null() {
            assert_eq!(text, "", "{method} {path}: {status} is documented without a body");
        } else if content["application/json"].is_object() {
            let value: Value = serde_json::from_str(text).expect("documented as JSON");
            self.check_value(&content["application/json"]["schema"], &value, "");
        }
    }

    /// Panics unless the type of a problem is one that the document names for this answer.
    #[track_caller]
    pub fn check_problem_type(&self, method: &Method, path: &str, status: u16, kind: &str) {
        let Some((template, methods)) = self.find(path) else { return };
        let name = if method == Method::HEAD { "GET" } else { method.as_str() };
        if BEFORE_ROUTING.contains(&status) || !methods.contains_key(name) {
            return;
        }
        let response = &self.operation(method, template)["responses"][status.to_string()];
        let schema = &response["content"]["application/problem+json"]["schema"];
        let types = schema["allOf"][1]["properties"]["type"]["enum"].as_array().cloned().unwrap_or_default();
        assert!(
            types.iter().any(|known| known == kind),
            "{method} {path}: {status} {kind}, documented are {types:?}"
        );
    }

    /// Panics unless an example is of its schema.
    #[track_caller]
    pub fn check_example(&self, schema: &Value, example: &Value, name: &str) {
        self.check_value(schema, example, name);
    }

    /// As much of JSON Schema as the documents use.
    #[track_caller]
    fn check_value(&self, schema: &Value, value: &Value, at: &str) {
        let schema = self.resolve(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            let null = choices.iter().any(|choice| choice["type"] == "null");
            let other = choices.iter().find(|choice| choice["type"] != "null").expect("a choice");
            assert!(!value.is_null() || null, "{at} is null, documented as {schema}");
            if !value.is_null() {
                self.check_value(other, value, at);
            }
            return;
        }
        if let Some(all) = schema["allOf"].as_array() {
            self.check_value(&all[0], value, at);
            let types = &all[1]["properties"]["type"]["enum"];
            assert!(types.as_array().is_some_and(|types| types.contains(&value["type"])), "{at} is {value}");
            return;
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            single => single.as_str().into_iter().collect(),
        };
        assert!(types.iter().any(|kind| is_of(kind, value)), "{at} is {value}, documented as {schema}");
        if let Some(known) = schema["enum"].as_array() {
            assert!(known.contains(value), "{at} is {value}, documented as {schema}");
        }
        for item in value.as_array().into_iter().flatten() {
            self.check_value(&schema["items"], item, &format!("{at}/-"));
        }
        let Some(properties) = schema["properties"].as_object() else { return };
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let missing: Vec<&str> = required.filter(|name| value.get(name).is_none()).collect();
        assert_eq!(missing, Vec::<&str>::new(), "{at} is {value}");
        for (name, member) in members(value) {
            let known = properties.get(&name).unwrap_or_else(|| panic!("{at}/{name} is not documented"));
            self.check_value(known, &member, &format!("{at}/{name}"));
        }
    }

    #[track_caller]
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.json.pointer(pointer).unwrap_or_else(|| panic!("{pointer} leads nowhere")),
            None => schema,
        }
    }

    fn find(&self, path: &str) -> Option<(&str, &BTreeMap<String, BTreeSet<String>>)> {
        let path = path.split('?').next().unwrap_or_default();
        let found = self.paths.iter().find(|(template, _)| fits(template, path));
        found.map(|(template, methods)| (template.as_str(), methods))
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut known, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (known.next(), given.next()) {
            (None, None) => return true,
            (Some(known), Some(given)) if known == given => {}
            (Some(known), Some(given)) if known.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn members(value: &Value) -> impl Iterator<Item = (String, Value)> {
    value.as_object().cloned().unwrap_or_default().into_iter()
}
