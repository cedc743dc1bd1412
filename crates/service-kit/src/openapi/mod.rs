//! The OpenAPI document of a program: its own (from its handlers, by utoipa), what every program answers besides, and to
//! every operation an example and each type of problem it may answer.

mod common;
mod examples;
mod refusals;

use std::collections::{BTreeSet, HashMap};

use utoipa::OpenApi as _;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr, Schema, Tag};

use crate::problem::{COMMON, Kind};

pub use refusals::Refusals;
pub(crate) use refusals::occurrence;

/// The tag of what every program answers besides its own work.
const OPERATING: &str = "operating";

/// Money, for `#[schema(value_type = service_kit::openapi::Money)]`: the kernel knows no OpenAPI.
#[derive(utoipa::ToSchema)]
#[schema(examples(json!({"amount_minor": 1200, "currency": "EUR"})))]
pub struct Money {
    /// Cents, where the currency has them.
    #[schema(minimum = 0)]
    pub amount_minor: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub currency: String,
}

/// A program's HTTP API as it describes itself.
#[derive(Clone)]
pub struct Api {
    document: OpenApi,
    refusals: Refusals,
}

impl Api {
    /// `own` comes from the handlers (`ApiDoc::openapi()`); its operation ids name the request spans: `order.http.place_order`.
    pub fn new(own: OpenApi, refusals: Refusals) -> Self {
        let tags = tags(&own);
        let mut document = own.merge_from(common::Common::openapi());
        document.tags = Some(tags);
        let components = document.components.clone().unwrap_or_default();
        for operation in document.paths.paths.values_mut().flat_map(operations_mut) {
            never_null(operation);
            refusals::add(operation, refusals);
            examples::add(operation, &components);
        }
        Self { document, refusals }
    }

    /// The whole document, as at `/openapi.json`.
    pub fn document(&self) -> &OpenApi {
        &self.document
    }

    /// Every kind of problem the program answers with, by status.
    pub fn kinds(&self) -> Vec<&'static Kind> {
        let mut kinds: Vec<_> =
            COMMON.into_iter().chain(self.refusals.iter().map(|(kind, _)| *kind)).collect();
        kinds.sort_by_key(|kind| kind.status);
        kinds
    }
}

impl From<OpenApi> for Api {
    fn from(own: OpenApi) -> Self {
        Self::new(own, &[])
    }
}

/// What a program is for comes first, how it is operated last.
fn tags(own: &OpenApi) -> Vec<Tag> {
    let given = operations(own).flat_map(|(_, operation)| operation.tags.clone().unwrap_or_default());
    let mut names: Vec<String> = Vec::new();
    for name in given.chain([OPERATING.to_owned()]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().map(Tag::new).collect()
}

/// A parameter is there or it is not; utoipa takes `Option` for a value that may be null.
fn never_null(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(Parameter { schema: Some(RefOr::T(Schema::Object(object))), .. }) = parameter
            && let SchemaType::Array(types) = &object.schema_type
            && let [only] = types.iter().filter(|kind| **kind != Type::Null).collect::<Vec<_>>()[..]
        {
            object.schema_type = SchemaType::Type(only.clone());
        }
    }
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

fn parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    })
}

/// The name of each operation (`place_order`), by method and route.
pub(crate) fn operation_names(document: &OpenApi) -> HashMap<(&'static str, String), String> {
    let named = |((verb, path), operation): ((&'static str, &String), &Operation)| {
        operation.operation_id.clone().map(|name| ((verb, path.clone()), name))
    };
    operations(document).filter_map(named).collect()
}

/// The query parameters of each operation, by method and route.
pub(crate) fn query_parameters(document: &OpenApi) -> HashMap<(&'static str, String), BTreeSet<String>> {
    let names = |operation: &Operation| {
        let in_query = parameters(operation).filter(|parameter| parameter.parameter_in == ParameterIn::Query);
        in_query.map(|parameter| parameter.name.clone()).collect()
    };
    operations(document).map(|((verb, path), operation)| ((verb, path.clone()), names(operation))).collect()
}

fn operations(document: &OpenApi) -> impl Iterator<Item = ((&'static str, &String), &Operation)> {
    document.paths.paths.iter().flat_map(|(path, item)| {
        let operations = [
            (HttpMethod::Get, &item.get),
            (HttpMethod::Put, &item.put),
            (HttpMethod::Post, &item.post),
            (HttpMethod::Delete, &item.delete),
            (HttpMethod::Patch, &item.patch),
        ];
        operations.into_iter().filter_map(move |(method, operation)| {
            operation.as_ref().map(|operation| ((verb(&method), path), operation))
        })
    })
}

fn verb(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Put => "PUT",
        HttpMethod::Post => "POST",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Patch => "PATCH",
        _ => "OTHER",
    }
}
