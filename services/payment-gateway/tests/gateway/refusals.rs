//! Bad input, and what every service answers besides its own work.

use serde_json::{Value, json};

use super::{Gateway, ORDER, body};

#[tokio::test]
async fn the_idempotency_key_is_required_and_bounded() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    for operation in ["authorize", "capture", "void", "refund"] {
        let token = (operation == "authorize").then_some("tok_ok");
        let without = gateway.post(&format!("/{operation}")).json(&body(ORDER, token)).send().await?;
        assert_eq!(without.status(), 400, "{operation}");
        let problem: Value = without.json().await?;
        assert_eq!(problem["errors"][0]["pointer"], "/Idempotency-Key");
        for bad in [String::new(), "k".repeat(201)] {
            let (status, _) = gateway.operate_as(&bad, operation, &body(ORDER, token)).await?;
            assert_eq!(status, 400, "{operation} {bad:?}");
        }
    }
    assert!(gateway.effects(ORDER).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_body_that_breaks_a_rule_names_the_field_and_does_nothing() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let change = |pointer: &str, value: Value| {
        let mut body = body(ORDER, Some("tok_ok"));
        if let Some(place) = body.pointer_mut(pointer) {
            *place = value;
        }
        body
    };
    let with_extra = json!({"order_id": ORDER, "amount": {"amount_minor": 1, "currency": "EUR"}, "payment_token": "tok_ok", "tip": 1});
    let cases = [
        (change("/order_id", json!("17")), "/order_id"),
        (change("/amount/amount_minor", json!(-1)), "/amount/amount_minor"),
        (change("/amount/amount_minor", json!("10")), "/amount/amount_minor"),
        (change("/amount/currency", json!("eur")), "/amount/currency"),
        (change("/amount", json!([1, "EUR"])), "/amount"),
        (change("/payment_token", json!("")), "/payment_token"),
        (change("/payment_token", json!("x".repeat(201))), "/payment_token"),
        (change("/payment_token", json!("tok\u{0}ok")), "/payment_token"),
        (body(ORDER, None), "/payment_token"),
        (with_extra, "/tip"),
    ];
    for (body, pointer) in cases {
        let (status, problem) = gateway.operate_as("key", "authorize", &body).await?;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{body} {problem}");
    }
    let (status, problem) = gateway.operate_as("key", "capture", &body(ORDER, Some("tok_ok"))).await?;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/payment_token")), "{problem}");
    assert!(gateway.effects(ORDER).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn bad_query_values_are_refused() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    for bad in ["order_id=17", "limit=0", "limit=101", "cursor=x", "cursor=LTE", "colour=red"] {
        let (status, problem) = gateway.get(&format!("/ledger?{bad}")).await?;
        assert_eq!((status, &problem["type"]), (400, &json!("urn:counterflow:problem:bad-query")), "{bad}");
    }
    Ok(())
}

#[tokio::test]
async fn it_is_alive_ready_measured_and_documented() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    gateway.authorize(ORDER, "tok_ok").await?;
    let (status, ready) = gateway.get("/readyz").await?;
    let expected = json!({"status": "ready", "dependencies": {"ledger": {"status": "ok", "detail": null}}});
    assert_eq!((status, ready), (200, expected));
    let url = gateway.running.url();
    assert_eq!(gateway.client.get(format!("{url}/livez")).send().await?.status(), 200);
    let metrics = gateway.client.get(format!("{url}/metrics")).send().await?.text().await?;
    assert!(
        metrics.contains(
            "gateway_operations_total{service=\"payment-gateway\",kind=\"authorize\",outcome=\"approved\"}"
        ),
        "{metrics}"
    );
    let (_, document) = gateway.get("/openapi.json").await?;
    assert_eq!(document["openapi"], "3.1.0");
    for path in ["/authorize", "/capture", "/void", "/refund", "/ledger", "/livez", "/readyz", "/metrics"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() -> anyhow::Result<()> {
    let gateway = Gateway::start().await?;
    let (status, problem) = gateway.get("/charge").await?;
    assert_eq!((status, &problem["status"]), (404, &json!(404)));
    let response = gateway.client.get(format!("{}/capture", gateway.running.url())).send().await?;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
    Ok(())
}
