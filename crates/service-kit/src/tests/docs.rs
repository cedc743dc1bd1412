//! The pages under `/docs`, and what each operation says of its examples and problems.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::{api, app, ask, fetch, request};
use crate::Api;

#[tokio::test]
async fn the_page_takes_everything_from_its_own_program() {
    let page = fetch("/docs").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(!page.text.contains("//") && !page.text.contains("{{"), "{}", page.text);
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let named = page.text.split(['"', '\'']).filter(|word| word.starts_with("docs/") && word.contains('.'));
    let mut count = 0;
    for asset in named {
        let answer = fetch(&format!("/{asset}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{asset}");
        let wanted = match asset.rsplit('.').next().unwrap() {
            "css" => "text/css",
            "js" => "text/javascript",
            _ => "image/png",
        };
        assert!(answer.header("content-type").starts_with(wanted), "{asset}: {answer:?}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{asset}");
        count += 1;
    }
    assert_eq!(count, 5, "{}", page.text);
}

#[tokio::test]
async fn nothing_else_of_the_packed_files_is_served() {
    for file in
        ["index.html", "swagger-initializer.js", "oauth2-redirect.html", "..%2Fpage.html", "nothing.js"]
    {
        fetch(&format!("/docs/{file}")).await.problem(404, "not-found");
    }
    let answer = ask(app(), request(Method::GET, "/docs/")).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::PERMANENT_REDIRECT, "/docs"));
}

#[tokio::test]
async fn every_type_of_problem_has_a_page_for_people() {
    let list = fetch("/docs/problems").await;
    for kind in api().kinds() {
        assert!(list.text.contains(&format!("href=\"/docs/problems/{}\"", kind.slug)), "{}", kind.slug);
        for named in [kind.slug.to_owned(), kind.uri()] {
            let page = fetch(&format!("/docs/problems/{named}")).await;
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{named}");
            assert!(page.text.contains(&kind.uri()) && !page.text.contains("{{"), "{}", page.text);
        }
    }
    let own = fetch("/docs/problems/sold-out").await.text;
    for text in
        ["<h1>Sold &lt;out&gt;</h1>", "Nothing is left of <code>sku</code>.", "Come back &amp; try again."]
    {
        assert!(own.contains(text), "{own}");
    }
    fetch("/docs/problems/nothing-of-ours").await.problem(404, "not-found");
}

#[tokio::test]
async fn an_operation_lists_its_types_of_problems_by_status() {
    let document = serde_json::to_value(api().document()).unwrap();
    let types = |path: &str, method: &str, status: &str| {
        let response = &document["paths"][path][method]["responses"][status];
        let content = &response["content"]["application/problem+json"];
        let types = content["schema"]["allOf"][1]["properties"]["type"]["enum"].as_array().cloned();
        let slugs = types.unwrap_or_default().into_iter().map(|kind| {
            let slug = kind.as_str().unwrap().rsplit(':').next().unwrap().to_owned();
            assert_eq!(content["examples"][&slug]["value"]["type"], kind);
            assert!(response["description"].as_str().unwrap().contains(&format!("(docs/problems/{slug})")));
            slug
        });
        slugs.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(types("/baskets", "post", "400"), "malformed-json bad-query");
    assert_eq!(types("/baskets", "post", "409"), "sold-out");
    assert_eq!(types("/baskets", "post", "415"), "unsupported-media-type");
    assert_eq!(types("/baskets", "post", "422"), "invalid-input");
    assert_eq!(types("/numbers", "get", "409"), "");
    assert_eq!(types("/numbers", "get", "422"), "");
    assert_eq!(types("/numbers", "get", "500"), "internal");
    assert_eq!(types("/docs/problems/{type}", "get", "400"), "malformed-json bad-query bad-path");
    assert_eq!(types("/docs/problems/{type}", "get", "404"), "not-found");
    let seconds = &document["paths"]["/numbers"]["get"]["responses"]["503"]["headers"]["Retry-After"];
    assert_eq!(seconds["schema"]["type"], "integer");
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(examples(json!({"sku": "TEA", "parts": []})))]
struct Whole {
    sku: String,
    #[schema(no_recursion)]
    parts: Vec<Whole>,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "carries the document")]
enum Colour {
    Red,
    Blue,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
struct Made {
    wholes: Vec<Whole>,
    colour: Colour,
    #[schema(default = 7)]
    count: u32,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
struct Bare {
    name: String,
    #[schema(no_recursion)]
    inner: Option<Box<Bare>>,
}

#[utoipa::path(get, path = "/made", responses((status = 200, body = Made), (status = 201, body = Bare)))]
#[expect(dead_code, reason = "carries the document")]
fn made() {}

#[test]
fn an_example_is_made_of_the_examples_of_the_parts() {
    #[derive(utoipa::OpenApi)]
    #[openapi(paths(made))]
    struct Doc;
    let api = Api::from(<Doc as utoipa::OpenApi>::openapi());
    let document = serde_json::to_value(api.document()).unwrap();
    let example = |status: &str| {
        document["paths"]["/made"]["get"]["responses"][status]["content"]["application/json"]["example"]
            .clone()
    };
    let wanted = serde_json::json!({"wholes": [{"sku": "TEA", "parts": []}], "colour": "red", "count": 7});
    assert_eq!(example("200"), wanted);
    assert_eq!(example("201"), Value::Null, "a name without an example has none that could be made up");
}
