//! `storectl schemas list` and `diff` against a registry that answers as the real one does, and one that does not answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::{Json, Router};
use clap::Parser as _;
use serde_json::{Value, json};
use storectl::cli::{Cli, run};

/// A registry that has every schema of this build, but of `lacking` only an older one.
async fn registry(lacking: &'static str) -> String {
    async fn answer(
        State(lacking): State<&'static str>,
        method: Method,
        uri: Uri,
    ) -> (StatusCode, Json<Value>) {
        let path = uri.path();
        if method == Method::POST && !lacking.is_empty() && path.ends_with(lacking) {
            return (
                StatusCode::NOT_FOUND,
                Json(json!({"error_code": 40_403, "message": "Schema not found"})),
            );
        }
        let body = if path.starts_with("/config/") {
            json!({"compatibilityLevel": "FULL_TRANSITIVE"})
        } else if method == Method::POST {
            json!({"subject": "s", "id": 5, "version": 1})
        } else {
            json!([1])
        };
        (StatusCode::OK, Json(body))
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(lacking);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// What it prints, and how it exits.
async fn storectl(command: &str, url: &str) -> (String, String) {
    let cli = Cli::parse_from(["storectl", "schemas", command, "--registry-url", url]);
    let mut out = Vec::new();
    let code = run(cli, &mut out).await.unwrap();
    (String::from_utf8(out).unwrap(), format!("{code:?}"))
}

fn code(number: u8) -> String {
    format!("{:?}", std::process::ExitCode::from(number))
}

#[tokio::test]
async fn a_registry_that_has_every_schema_of_this_build_differs_in_nothing() {
    let url = registry("").await;
    let (said, exit) = storectl("diff", &url).await;
    assert_eq!((said.as_str(), exit), ("the registry has all 18 schemas of this build\n", code(0)));
    let (said, exit) = storectl("list", &url).await;
    assert_eq!((said.lines().count(), exit), (18, code(0)));
    assert!(
        said.contains("counterflow.orders.OrderCreated: versions 1; this build writes 1, id 5"),
        "{said}"
    );
}

#[tokio::test]
async fn a_schema_that_the_registry_lacks_is_named_with_what_to_do() {
    let url = registry("OrderCreated").await;
    let (said, exit) = storectl("diff", &url).await;
    assert_eq!((said.lines().count(), exit), (1, code(1)), "{said}");
    assert!(
        said.starts_with(
            "counterflow.orders.OrderCreated has no version with the schema of this build, only 1"
        )
    );
    assert!(said.contains("run `storectl schemas push`"), "{said}");
    let (said, exit) = storectl("list", &url).await;
    assert_eq!(exit, code(0));
    assert!(said.contains("OrderCreated: versions 1; this build's is not among them"), "{said}");
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_no_registry_without_schemas() {
    for command in ["diff", "list"] {
        let (said, exit) = storectl(command, "http://127.0.0.1:1").await;
        assert_eq!((said.as_str(), exit), ("", code(2)));
    }
}
