//! Adds to each operation every type of problem it may answer, by status.

use std::collections::BTreeMap;

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder, Schema};

use super::parameters;
use crate::FieldError;
use crate::problem::{self, Kind, MEDIA_TYPE, ProblemBody};

/// Kinds of problems of a program's own, each with the ids of the operations that may answer it.
pub type Refusals = &'static [(&'static Kind, &'static [&'static str])];

/// What every operation may answer because of what stands before it.
const EVERYWHERE: [&Kind; 6] = [
    &problem::MALFORMED_JSON,
    &problem::BAD_QUERY,
    &problem::TIMEOUT,
    &problem::PAYLOAD_TOO_LARGE,
    &problem::INTERNAL,
    &problem::UNAVAILABLE,
];
const IN_PATH: [&Kind; 1] = [&problem::BAD_PATH];
const IN_HEADER: [&Kind; 1] = [&problem::BAD_HEADER];
const WITH_BODY: [&Kind; 2] = [&problem::UNSUPPORTED_MEDIA_TYPE, &problem::INVALID_INPUT];
/// What an operation answers that says so by the status alone.
const DECLARED: [&Kind; 2] = [&problem::NOT_FOUND, &problem::GONE];

pub(super) fn add(operation: &mut Operation, own: Refusals) {
    let mut by_status: BTreeMap<String, Vec<&Kind>> = BTreeMap::new();
    for kind in kinds(operation, own) {
        by_status.entry(kind.status.as_str().to_owned()).or_default().push(kind);
    }
    let responses = &mut operation.responses.responses;
    for (status, kinds) in by_status {
        let response = responses
            .entry(status)
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().description("Refused.").build()));
        if let RefOr::T(response) = response {
            explain(response, &kinds);
        }
    }
}

fn kinds(operation: &Operation, own: Refusals) -> Vec<&'static Kind> {
    let has = |place: ParameterIn| parameters(operation).any(|parameter| parameter.parameter_in == place);
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let mut kinds = Vec::from(EVERYWHERE);
    kinds.extend(IN_PATH.iter().filter(|_| has(ParameterIn::Path)));
    kinds.extend(IN_HEADER.iter().filter(|_| has(ParameterIn::Header)));
    kinds.extend(WITH_BODY.iter().filter(|_| operation.request_body.is_some()));
    let says = |kind: &&&Kind| operation.responses.responses.contains_key(kind.status.as_str());
    kinds.extend(DECLARED.iter().filter(says));
    kinds.extend(own.iter().filter(|(_, operations)| operations.contains(&id)).map(|(kind, _)| *kind));
    kinds
}

fn explain(response: &mut Response, kinds: &[&Kind]) {
    for kind in kinds {
        let line = format!("\n- [`{slug}`](docs/problems/{slug}): {}", kind.meaning, slug = kind.slug);
        response.description.push_str(&line);
    }
    if kinds.contains(&&problem::UNAVAILABLE) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
        let header = HeaderBuilder::new()
            .schema(Some(seconds))
            .description(Some("Seconds after which to try again."))
            .build();
        response.headers.insert("Retry-After".to_owned(), RefOr::T(header));
    }
    let types =
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(kinds.iter().map(|kind| kind.uri())));
    let narrowed = ObjectBuilder::new().property("type", types);
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(narrowed).build();
    let mut content = Content::new(Some(Schema::AllOf(schema)));
    for kind in kinds {
        let example =
            ExampleBuilder::new().summary(kind.title).value(serde_json::to_value(occurrence(kind)).ok());
        content.examples.insert(kind.slug.to_owned(), RefOr::T(example.build()));
    }
    response.content.insert(MEDIA_TYPE.to_owned(), RefOr::T(content));
}

/// A problem of this kind, as it may be answered.
pub(crate) fn occurrence(kind: &Kind) -> ProblemBody {
    ProblemBody {
        kind: kind.uri(),
        title: kind.title.to_owned(),
        status: kind.status.as_u16(),
        detail: kind.detail.to_owned(),
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
        errors: kind.errors.iter().map(|&(pointer, detail)| FieldError::new(pointer, detail)).collect(),
    }
}
