//! OpenAPI 3.1 at `/openapi.json`: every route of the section with its statuses. That no more is served, and no other status
//! or JSON is answered, is checked of every answer of these tests.

use std::collections::BTreeSet;

use all::launch::Program;
use serde_json::Value;

use crate::stores::{every_day, sentences};

sentences![
    the_document_is_openapi_3_1,
    every_route_is_documented_with_its_statuses,
    every_error_is_documented_as_a_problem,
    every_reference_leads_somewhere,
    every_operation_has_a_name_of_its_own_and_words,
    every_operation_has_an_example_of_what_is_sent_and_answered,
    every_type_of_problem_is_explained_by_its_program,
    the_page_of_each_program_is_there,
];

/// What every operation may answer: a bad value, a body that is too large, an outage.
const EVERYWHERE: [u16; 3] = [400, 413, 503];
const BODY: [u16; 2] = [415, 422];

type Route = (Program, &'static str, &'static str, &'static [u16], &'static [&'static [u16]]);

/// What every program answers besides its own work.
const COMMON: [&str; 7] =
    ["/livez", "/metrics", "/readyz", "/openapi.json", "/docs", "/docs/problems", "/docs/problems/{type}"];

const ROUTES: [Route; 25] = [
    (Program::Order, "put", "/customers/{id}", &[200, 201, 410], &[&BODY]),
    (Program::Order, "get", "/customers/{id}", &[200, 404, 410], &[]),
    (Program::Order, "delete", "/customers/{id}", &[204], &[]),
    (Program::Order, "get", "/products", &[200], &[]),
    (Program::Order, "get", "/products/{sku}", &[200, 404], &[]),
    (Program::Order, "post", "/orders", &[201, 409], &[&BODY]),
    (Program::Order, "get", "/orders", &[200], &[]),
    (Program::Order, "get", "/orders/{id}", &[200, 404], &[]),
    (Program::Order, "post", "/orders/{id}/cancel", &[200, 404, 409], &[]),
    (Program::Order, "get", "/orders/{id}/events", &[200, 404], &[]),
    (Program::Order, "get", "/orders/{id}/history", &[200, 404], &[]),
    (Program::Inventory, "put", "/products/{sku}", &[200, 201], &[&BODY]),
    (Program::Inventory, "post", "/stock/{sku}/receipts", &[200, 201, 404, 409], &[&BODY]),
    (Program::Inventory, "get", "/stock", &[200], &[]),
    (Program::Inventory, "get", "/stock/{sku}", &[200, 404], &[]),
    (Program::Inventory, "get", "/reservations/{order_id}", &[200, 404], &[]),
    (Program::Billing, "get", "/payments/{order_id}", &[200, 404], &[]),
    (Program::Email, "get", "/emails", &[200], &[]),
    (Program::PaymentGateway, "get", "/ledger", &[200], &[]),
    (Program::PaymentGateway, "post", "/authorize", &[200], &[&BODY]),
    (Program::PaymentGateway, "post", "/capture", &[200], &[&BODY]),
    (Program::PaymentGateway, "post", "/void", &[200], &[&BODY]),
    (Program::PaymentGateway, "post", "/refund", &[200], &[&BODY]),
    (Program::Order, "get", "/readyz", &[200], &[]),
    (Program::Order, "get", "/livez", &[200], &[]),
];

async fn the_document_is_openapi_3_1() {
    let api = every_day().await;
    for program in Program::ALL {
        let answer = api.get(program, "/openapi.json").await;
        assert_eq!(answer.header("content-type"), "application/json");
        let document = answer.is(200);
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
        for member in ["title", "version", "description"] {
            assert!(
                document["info"][member].as_str().is_some_and(|text| !text.is_empty()),
                "{program:?} {member}"
            );
        }
        for path in COMMON {
            assert!(document["paths"][path]["get"].is_object(), "{program:?} {path}");
        }
    }
}

async fn every_route_is_documented_with_its_statuses() {
    let api = every_day().await;
    for (program, method, path, statuses, more) in ROUTES {
        let operation = &api.document(program).json["paths"][path][method];
        let known =
            operation["responses"].as_object().unwrap_or_else(|| panic!("{method} {path} is missing"));
        for status in statuses.iter().chain(more.iter().copied().flatten()).chain(&EVERYWHERE) {
            assert!(known.contains_key(&status.to_string()), "{method} {path} may answer {status}");
        }
    }
    for program in Program::ALL {
        let own = |path: &str| !COMMON.contains(&path);
        let known: BTreeSet<(String, &str)> = api
            .document(program)
            .operations()
            .filter(|(_, path, _)| own(path))
            .map(|(method, path, _)| (method.as_str().to_lowercase(), path))
            .collect();
        let wanted = ROUTES.iter().filter(|route| route.0 == program && own(route.2));
        assert_eq!(known, wanted.map(|route| (route.1.to_owned(), route.2)).collect(), "{program:?}");
    }
}

async fn every_error_is_documented_as_a_problem() {
    let api = every_day().await;
    for program in Program::ALL {
        let document = api.document(program);
        for (method, path, statuses) in document.operations() {
            assert!(!statuses.contains("default"), "{method} {path} documents each status by itself");
            for status in statuses.iter().filter(|status| status.starts_with(['4', '5'])) {
                let response = &document.operation(&method, path)["responses"][status];
                let schema = &response["content"]["application/problem+json"]["schema"]["allOf"];
                assert_eq!(schema[0]["$ref"], "#/components/schemas/Problem", "{method} {path} {status}");
                let types = schema[1]["properties"]["type"]["enum"].as_array();
                assert!(types.is_some_and(|types| !types.is_empty()), "{method} {path} {status}: of no type");
            }
        }
        let problem = &document.json["components"]["schemas"]["Problem"];
        for member in ["type", "title", "status", "detail", "trace_id"] {
            assert!(problem["required"].as_array().unwrap().contains(&member.into()), "{member}");
        }
    }
}

async fn every_reference_leads_somewhere() {
    let api = every_day().await;
    for program in Program::ALL {
        let document = &api.document(program).json;
        let mut references = Vec::new();
        collect(document, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.strip_prefix('#').expect("a reference inside of the document");
            assert!(document.pointer(pointer).is_some(), "{program:?}: {reference}");
        }
    }
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

async fn every_operation_has_a_name_of_its_own_and_words() {
    let api = every_day().await;
    for program in Program::ALL {
        let document = api.document(program);
        let mut names = BTreeSet::new();
        for (method, path, _) in document.operations() {
            let operation = document.operation(&method, path);
            let name = operation["operationId"].as_str().unwrap_or_default();
            assert!(!name.is_empty() && names.insert(name.to_owned()), "{method} {path}: {name:?}");
            assert!(operation["summary"].is_string(), "{method} {path} has no words");
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let in_path = parameters.filter(|parameter| parameter["in"] == "path");
            let given: BTreeSet<&str> =
                in_path.map(|parameter| parameter["name"].as_str().unwrap()).collect();
            let wanted = path.split(['{', '}']).skip(1).step_by(2).collect();
            assert_eq!(given, wanted, "{method} {path}");
        }
    }
}

async fn every_operation_has_an_example_of_what_is_sent_and_answered() {
    let api = every_day().await;
    for program in Program::ALL {
        let document = api.document(program);
        for (method, path, _) in document.operations() {
            let operation = document.operation(&method, path);
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let shown = [&parameter["example"], &parameter["schema"]["default"]];
                assert!(shown.iter().any(|value| !value.is_null()), "{method} {path}: {parameter}");
            }
            let answers = operation["responses"].as_object().into_iter().flatten();
            let bodies = answers.flat_map(|(status, response)| contents(status, response));
            for (name, content) in contents("body", &operation["requestBody"]).chain(bodies) {
                let many = content["examples"].as_object().into_iter().flatten();
                let many = many.map(|(_, example)| &example["value"]);
                let examples: Vec<&Value> = content.get("example").into_iter().chain(many).collect();
                assert!(!examples.is_empty(), "{method} {path} {name} has no example");
                for example in examples {
                    document.check_example(&content["schema"], example, &format!("{method} {path} {name}"));
                }
            }
        }
    }
}

fn contents<'a>(name: &'a str, of: &'a Value) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let contents = of["content"].as_object().into_iter().flatten();
    contents.map(move |(_, content)| (name, content))
}

async fn every_type_of_problem_is_explained_by_its_program() {
    let api = every_day().await;
    for program in Program::ALL {
        let mut types = BTreeSet::new();
        kinds(&api.document(program).json["paths"], &mut types);
        assert!(types.len() > 5, "{types:?}");
        for kind in types {
            let page = api.get(program, &format!("/docs/problems/{kind}")).await;
            assert_eq!(
                (page.status, page.header("content-type")),
                (200, "text/html; charset=utf-8"),
                "{kind}"
            );
            assert!(page.text.contains("What to do"), "{kind}");
        }
        api.get(program, "/docs/problems/unheard-of").await.refused(404, "not-found");
    }
}

fn kinds<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| kinds(member, found)),
        Value::Array(items) => items.iter().for_each(|item| kinds(item, found)),
        Value::String(text) if text.starts_with("urn:counterflow:problem:") => {
            found.insert(text);
        }
        _ => {}
    }
}

async fn the_page_of_each_program_is_there() {
    let api = every_day().await;
    for program in Program::ALL {
        let page = api.get(program, "/docs").await;
        let title = api.document(program).json["info"]["title"].as_str().unwrap();
        assert!(page.text.contains(&format!("<title>{title}</title>")), "{program:?}");
    }
}
