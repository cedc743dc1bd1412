//! Gives every body its example: of a type that has one, that; of any other, one made of its parts'.

use serde_json::{Map, Value};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ArrayItems, Components};
use utoipa::openapi::{Content, RefOr, Schema};

pub(super) fn add(operation: &mut Operation, components: &Components) {
    if let Some(RefOr::T(request)) = &mut operation.request_body {
        request.content.values_mut().for_each(|content| complete(content, components));
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.content.values_mut().for_each(|content| complete(content, components));
        }
    }
}

fn complete(content: &mut RefOr<Content>, components: &Components) {
    if let RefOr::T(content) = content
        && content.example.is_none()
        && content.examples.is_empty()
    {
        content.example = content.schema.as_ref().and_then(|schema| example(schema, components, 0));
    }
}

/// How deep an example is made; a type that contains itself has none of its own then.
const DEPTH_MAX: usize = 12;

/// `None` where a part has no example.
fn example(schema: &RefOr<Schema>, components: &Components, depth: usize) -> Option<Value> {
    if depth > DEPTH_MAX {
        return None;
    }
    let made = |part| example(part, components, depth + 1);
    let schema = match schema {
        RefOr::T(schema) => schema,
        RefOr::Ref(reference) => {
            return made(components.schemas.get(reference.ref_location.rsplit('/').next()?)?);
        }
    };
    match schema {
        Schema::Object(object) => {
            let own = object.examples.first().or(object.example.as_ref()).or(object.default.as_ref());
            let spelt = || object.enum_values.as_ref().and_then(|values| values.first());
            own.or_else(spelt).cloned().or_else(|| {
                let parts = object.properties.iter().map(|(name, part)| Some((name.clone(), made(part)?)));
                let parts: Option<Map<String, Value>> = parts.collect();
                parts.filter(|parts| !parts.is_empty()).map(Value::Object)
            })
        }
        Schema::Array(array) => match (array.examples.first().or(array.example.as_ref()), &array.items) {
            (Some(own), _) => Some(own.clone()),
            (None, ArrayItems::RefOrSchema(item)) => Some(Value::Array(vec![made(item)?])),
            (None, ArrayItems::False) => Some(Value::Array(Vec::new())),
        },
        Schema::OneOf(choice) => choice.items.iter().rev().find_map(made),
        _ => None,
    }
}
