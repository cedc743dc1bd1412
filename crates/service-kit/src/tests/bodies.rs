//! Bodies: 415, 413, 400, 422.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::{app, ask, post_json};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn basket(lines: &str) -> String {
    format!(r#"{{"owner":"{ID}","lines":{lines},"payment_token":"tok_ok"}}"#)
}

async fn refused(body: &str, expected: &str) {
    let answer = post_json("/baskets", body.to_owned()).await;
    assert_eq!(answer.problem(422, "invalid-input"), [expected], "{body}");
}

async fn refused_pointer(body: &str) -> String {
    let errors = post_json("/baskets", body.to_owned()).await.problem(422, "invalid-input");
    errors[0].split(": ").next().unwrap().to_owned()
}

async fn malformed(body: impl Into<Body>) {
    post_json("/baskets", body).await.problem(400, "malformed-json");
}

#[tokio::test]
async fn a_body_that_keeps_the_rules_is_taken() {
    let answer = post_json("/baskets", basket(r#"[{"sku":"A-1","quantity":2}]"#)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.json()["lines"][0]["quantity"], 2);
}

#[tokio::test]
async fn an_integer_is_one_however_it_is_written() {
    for two in ["2", "2.0", "2e0", "20e-1", "0.2E1"] {
        let lines = format!(r#"[{{"sku":"A-1","quantity":{two}}}]"#);
        let answer = post_json("/baskets", basket(&lines)).await;
        assert_eq!(
            (answer.status, &answer.json()["lines"][0]["quantity"]),
            (StatusCode::OK, &2.into()),
            "{two}"
        );
    }
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    for body in [
        "",
        "{",
        "nonsense",
        "{}{}",
        "{\"a\":1,}",
        "[1",
        "NaN",
        "{'a':1}",
        "\"\\ud800\"",
        "{\"a\":\"\u{1}\"}",
    ] {
        malformed(body).await;
    }
    malformed(vec![b'"', 0xff, b'"']).await;
    malformed("[".repeat(1_000) + &"]".repeat(1_000)).await;
    malformed("{\"lines\":".repeat(500) + "1" + &"}".repeat(500)).await;
}

#[tokio::test]
async fn a_broken_rule_names_field_and_value() {
    refused(&basket(r#"[{"sku":"A-1","quantity":0}]"#), "/lines/0/quantity: a quantity is 1 to 10000; got 0")
        .await;
    refused(
        &basket(r#"[{"sku":"A-1","quantity":1},{"sku":"a b","quantity":1}]"#),
        "/lines/1/sku: a sku is 1 to 64 of the characters A-Z a-z 0-9 . _ -; got \"a b\"",
    )
    .await;
    refused(
        &basket(r#"[{"sku":"A-1","quantity":"two"}]"#),
        "/lines/0/quantity: invalid type: string \"two\", expected an integer",
    )
    .await;
    refused(
        &basket(r#"[{"sku":"A-1","quantity":1.5}]"#),
        "/lines/0/quantity: invalid type: floating point `1.5`, expected an integer",
    )
    .await;
    refused(
        &basket(r#"[{"sku":7,"quantity":1}]"#),
        "/lines/0/sku: invalid type: integer `7`, expected a string",
    )
    .await;
    refused(&basket(r#"[{"sku":"A-1","quantity":1e999}]"#), "/lines/0/quantity: the number is out of range")
        .await;
    refused(
        &basket(r#"[{"sku":"A-1","quantity":99999999999999999999}]"#),
        "/lines/0/quantity: invalid type: floating point `1e+20`, expected an integer",
    )
    .await;
    refused(&basket("{}"), "/lines: invalid type: object, expected an array").await;
    refused(&basket("null"), "/lines: invalid type: null, expected an array").await;
}

#[tokio::test]
async fn unknown_missing_and_repeated_members_are_named() {
    refused(
        &basket(r#"[{"sku":"A-1","quantity":1,"price":1}]"#),
        "/lines/0/price: unknown field `price`, expected `sku` or `quantity`",
    )
    .await;
    refused(&basket(r#"[{"sku":"A-1"}]"#), "/lines/0/quantity: missing field `quantity`").await;
    refused("{}", "/owner: missing field `owner`").await;
    let ticked = refused_pointer(r#"{"a`, b":1}"#).await;
    assert_eq!(ticked, "/a`, b");
    refused(&basket(r#"[{"sku":"A-1","quantity":1,"sku":"A-2"}]"#), "/lines/0/sku: is named twice").await;
    refused(r#"{"a/b~c":1,"a/b~c":2}"#, "/a~1b~0c: is named twice").await;
}

#[tokio::test]
async fn an_array_is_no_object() {
    refused(&format!(r#"["{ID}",[],"tok_ok",null]"#), ": invalid type: array, expected an object").await;
    refused(&basket(r#"[["A-1",1]]"#), "/lines/0: invalid type: array, expected an object").await;
    refused("null", ": invalid type: null, expected an object").await;
    let money = basket("[]").replace("\"payment_token\"", "\"limit\":[1,\"EUR\"],\"payment_token\"");
    refused(&money, "/limit: invalid type: array, expected an object").await;
}

#[tokio::test]
async fn a_token_is_never_repeated_in_an_answer() {
    let body = basket("[]").replace("\"tok_ok\"", "4111111111111111");
    refused(&body, "/payment_token: invalid type, expected a string").await;
}

#[tokio::test]
async fn a_long_value_is_cut_in_the_answer() {
    let answer =
        post_json("/baskets", basket(&format!(r#"[{{"sku":"{}","quantity":1}}]"#, "ä".repeat(5_000)))).await;
    let [error] = answer.problem(422, "invalid-input").try_into().unwrap();
    assert!(error.ends_with('…') && error.chars().count() < 200, "{error}");
}

#[tokio::test]
async fn only_application_json_is_taken() {
    let with = async |media_type: Option<&str>| {
        let request = Request::post("/baskets");
        let request = media_type
            .map_or(Request::post("/baskets"), |media_type| request.header("content-type", media_type));
        ask(app(), request.body(Body::from(basket("[]"))).unwrap()).await
    };
    for taken in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
    ] {
        assert_eq!(with(Some(taken)).await.status, StatusCode::OK, "{taken}");
    }
    for refused in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonp"),
        Some(""),
    ] {
        with(refused).await.problem(415, "unsupported-media-type");
    }
}

#[tokio::test]
async fn a_body_over_64_kib_is_refused_on_every_route() {
    let id_route = format!("/orders/{ID}/cancel");
    for route in ["/baskets", &id_route, "/nowhere", "/livez"] {
        post_json(route, " ".repeat(64 * 1024 + 1)).await.problem(413, "payload-too-large");
        let chunks = futures::stream::iter((0..70).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])));
        post_json(route, Body::from_stream(chunks)).await.problem(413, "payload-too-large");
    }
    assert_eq!(post_json(&id_route, " ".repeat(64 * 1024)).await.status, StatusCode::OK);
    assert_eq!(
        post_json(&id_route, "not even json").await.status,
        StatusCode::OK,
        "a body nobody wants is ignored"
    );
    let padded = basket("[]") + &" ".repeat(64 * 1024 - basket("[]").len());
    assert_eq!(post_json("/baskets", padded).await.status, StatusCode::OK);
}
