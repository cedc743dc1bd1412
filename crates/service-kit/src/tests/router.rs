//! What holds on every route.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};

use super::{app, ask, fetch, post_json, request, routes};
use crate::config::CorsArgs;
use crate::{App, Importance, Lifecycle};

#[tokio::test]
async fn an_unknown_route_is_a_problem() {
    fetch("/nowhere").await.problem(404, "not-found");
    fetch("/").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let nested = App::new(
        &Lifecycle::new("shop", tokio_util::sync::CancellationToken::new()),
        axum::Router::new().nest("/shop", routes()),
        utoipa::openapi::OpenApiBuilder::new().build(),
    );
    for (app, uri, allowed) in
        [(app(), "/baskets", "POST"), (app(), "/numbers", "GET,HEAD"), (nested, "/shop/baskets", "POST")]
    {
        let answer = ask(app, request(Method::DELETE, uri)).await;
        answer.problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), allowed, "{uri}");
    }
    for options in ["/baskets", "/livez"] {
        ask(app(), request(Method::OPTIONS, options)).await.problem(405, "method-not-allowed");
    }
    let unheard_of = request(Method::from_bytes(b"BREW").unwrap(), "/livez");
    ask(app(), unheard_of).await.problem(405, "method-not-allowed");
}

#[tokio::test]
async fn a_panic_is_an_internal_error_that_shows_nothing() {
    let answer = fetch("/panics").await;
    answer.problem(500, "internal");
    assert!(!answer.text.contains("on purpose"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_too_long_is_a_503_within_two_seconds() {
    let began = tokio::time::Instant::now();
    let answer = fetch("/hangs").await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    assert!(began.elapsed() <= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_unhurried_route_may_take_longer() {
    let waiting = ask(app().unhurried("/hangs"), request(Method::GET, "/hangs"));
    assert!(tokio::time::timeout(Duration::from_mins(1), waiting).await.is_err());
}

#[tokio::test]
async fn an_error_of_the_framework_becomes_a_problem() {
    post_json("/plain-json", "{").await.problem(400, "refused");
}

#[tokio::test]
async fn a_problem_carries_the_callers_trace() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traced = Request::get("/nowhere").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let answer = ask(app(), traced.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.json()["trace_id"], trace);
}

#[tokio::test]
async fn readiness_is_the_worst_that_dependencies_mean_to_callers() {
    let token = tokio_util::sync::CancellationToken::new();
    let lifecycle = Lifecycle::new("shop", token.clone());
    let readyz = async || {
        let app = App::new(&lifecycle, axum::Router::new(), utoipa::openapi::OpenApiBuilder::new().build());
        let answer = ask(app, request(Method::GET, "/readyz")).await;
        (answer.status.as_u16(), answer.json())
    };
    let database = lifecycle.health().dependency("database", Importance::Critical);
    let kafka = lifecycle.health().dependency("kafka", Importance::Degradable);
    let (status, body) = readyz().await;
    assert_eq!((status, &body["status"]), (503, &"unavailable".into()));
    assert_eq!(
        body["dependencies"]["database"],
        serde_json::json!({"status": "down", "detail": "not seen yet"})
    );
    database.ok();
    let (status, body) = readyz().await;
    assert_eq!((status, &body["status"]), (200, &"degraded".into()));
    kafka.ok();
    assert_eq!(readyz().await.1["status"], "ready");
    kafka.down("no broker answers");
    let (status, body) = readyz().await;
    assert_eq!((status, &body["dependencies"]["kafka"]["detail"]), (200, &"no broker answers".into()));
    kafka.ok();
    database.degraded("slow");
    assert_eq!(readyz().await.1["status"], "degraded");
    database.ok();
    token.cancel();
    assert_eq!(readyz().await.0, 503);
}

#[tokio::test]
async fn every_service_is_alive_measured_and_documented() {
    assert_eq!(fetch("/livez").await.status, StatusCode::OK);
    fetch("/numbers").await;
    let metrics = fetch("/metrics").await;
    let line = "http_server_request_duration_seconds_count{service=\"shop\",method=\"GET\",route=\"/numbers\",status=\"200\"}";
    assert!(metrics.text.contains(line), "{}", metrics.text);
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let document = fetch("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    for path in ["/baskets", "/numbers", "/livez", "/readyz", "/metrics", "/openapi.json"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    assert_eq!(document["paths"]["/baskets"]["post"]["operationId"], "place_basket");
    let responses = &document["paths"]["/baskets"]["post"]["responses"];
    let problem = &responses["422"]["content"]["application/problem+json"];
    assert_eq!(problem["schema"]["allOf"][0]["$ref"], "#/components/schemas/Problem");
    assert!(document["components"]["schemas"]["Problem"]["properties"]["trace_id"].is_object());
}

#[tokio::test]
async fn only_configured_origins_may_read_answers() {
    let from = async |origins: &[&str], origin: &str| {
        let cors = CorsArgs { cors_origins: origins.iter().map(ToString::to_string).collect() };
        let request = Request::get("/numbers").header("origin", origin).body(Body::empty()).unwrap();
        let answer = ask(app().cors(&cors), request).await;
        answer.header("access-control-allow-origin").to_owned()
    };
    assert_eq!(from(&[], "https://a.example").await, "");
    assert_eq!(from(&["https://a.example"], "https://a.example").await, "https://a.example");
    assert_eq!(from(&["https://a.example"], "https://b.example").await, "");
    assert_eq!(from(&["*"], "https://b.example").await, "*");
    let cors = CorsArgs { cors_origins: vec!["https://a.example".to_owned()] };
    let preflight = Request::options("/baskets")
        .header("origin", "https://a.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,idempotency-key");
    let answer = ask(app().cors(&cors), preflight.body(Body::empty()).unwrap()).await;
    assert!(answer.header("access-control-allow-headers").contains("idempotency-key"), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), "https://a.example");
}
