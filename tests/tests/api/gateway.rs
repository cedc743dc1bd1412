//! **payment gateway**: its answers by token, and its ledger of effects.

use std::time::{Duration, Instant};

use all::launch::Program;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Answer, Api};
use crate::shelf::{assert_members, effects, id, id_of, ledger, settle, settled, time};
use crate::stores::{every_day, sentences};

sentences![
    each_token_leaves_its_effects_in_the_ledger_once,
    a_cancelled_order_is_voided_or_refunded_once,
    an_effect_tells_order_kind_amount_idempotency_key_and_time,
    a_repeat_gets_the_first_answer_and_has_no_effect,
    a_key_used_for_another_call_is_422,
    calls_at_once_with_one_key_have_one_effect,
    each_kind_is_done_once_an_order_whatever_the_key,
    a_flaky_operation_fails_twice_and_then_works,
    a_slow_answer_takes_2_s,
    an_effect_is_written_before_the_call_is_answered,
    a_declined_call_leaves_nothing,
];

async fn call(api: &Api, operation: &str, key: &str, body: &Value) -> Answer {
    let call = api.call(Method::POST, Program::PaymentGateway, &format!("/{operation}")).json(body);
    call.header("idempotency-key", key).may_be_unavailable().send().await
}

fn body(order: Uuid, token: Option<&str>) -> Value {
    let mut body = json!({"order_id": order, "amount": {"amount_minor": 700, "currency": "EUR"}});
    if let Some(token) = token {
        body["payment_token"] = json!(token);
    }
    body
}

async fn authorize(api: &Api, order: Uuid, token: &str) -> Answer {
    call(api, "authorize", &format!("{order}:authorize"), &body(order, Some(token))).await
}

async fn each_token_leaves_its_effects_in_the_ledger_once() {
    let api = every_day().await;
    let tokens: [(&str, &[&str]); 8] = [
        ("tok_ok", &["authorize", "capture"]),
        ("tok_declined", &[]),
        ("tok_insufficient_funds", &[]),
        ("a token nobody knows", &[]),
        ("tok_flaky", &["authorize", "capture"]),
        ("tok_slow", &["authorize", "capture"]),
        ("tok_timeout_after_charge", &["authorize", "capture"]),
        ("tok_capture_fails", &["authorize", "void"]),
    ];
    let checks = tokens.map(|(token, expected)| async move {
        let id = id_of(&settled(api, token).await);
        assert_eq!(effects(api, &id).await, expected, "{token}");
    });
    join_all(checks).await;
}

async fn a_cancelled_order_is_voided_or_refunded_once() {
    let api = every_day().await;
    let id = id_of(&settled(api, "tok_flaky").await);
    for _ in 0..2 {
        api.call(Method::POST, Program::Order, &format!("/orders/{id}/cancel")).send().await.is(200);
    }
    settle(api, &id).await;
    assert_eq!(effects(api, &id).await, ["authorize", "capture", "refund"]);
}

async fn an_effect_tells_order_kind_amount_idempotency_key_and_time() {
    let api = every_day().await;
    let order = settled(api, "tok_ok").await;
    let id = id_of(&order);
    let mut before = time(&order["created_at"]);
    for (effect, kind) in ledger(api, &id).await.iter().zip(["authorize", "capture"]) {
        assert_members(effect, &["order_id", "kind", "amount_minor", "currency", "idempotency_key", "at"]);
        assert_eq!((&effect["order_id"], &effect["kind"]), (&json!(id), &json!(kind)));
        assert_eq!((&effect["amount_minor"], &effect["currency"]), (&json!(700), &json!("EUR")));
        assert_eq!(effect["idempotency_key"], format!("{id}:{kind}"));
        assert!(time(&effect["at"]) > before, "{effect}");
        before = time(&effect["at"]);
    }
}

async fn a_repeat_gets_the_first_answer_and_has_no_effect() {
    let api = every_day().await;
    for (token, outcome, expected) in [("tok_ok", "approved", 1), ("tok_declined", "declined", 0)] {
        let order = id();
        let first = authorize(api, order, token).await;
        assert_eq!(first.is(200)["outcome"], outcome);
        for _ in 0..3 {
            assert_eq!(authorize(api, order, token).await.text, first.text);
        }
        assert_eq!(effects(api, &order.to_string()).await.len(), expected);
    }
}

async fn a_key_used_for_another_call_is_422() {
    let api = every_day().await;
    let (order, other) = (id(), id());
    let key = order.to_string();
    call(api, "authorize", &key, &body(order, Some("tok_ok"))).await.is(200);
    for (operation, body) in [
        ("authorize", body(other, Some("tok_ok"))),
        ("authorize", body(order, Some("tok_slow"))),
        ("capture", body(order, None)),
    ] {
        call(api, operation, &key, &body).await.refused(422, "idempotency-key-reused");
    }
    assert_eq!(effects(api, &order.to_string()).await, ["authorize"]);
    assert!(effects(api, &other.to_string()).await.is_empty());
}

async fn calls_at_once_with_one_key_have_one_effect() {
    let api = every_day().await;
    let order = id();
    let answers = join_all((0..12).map(|_| authorize(api, order, "tok_ok"))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 200 && answer.text == answers[0].text),
        "{answers:?}"
    );
    assert_eq!(effects(api, &order.to_string()).await, ["authorize"]);
}

async fn each_kind_is_done_once_an_order_whatever_the_key() {
    let api = every_day().await;
    let order = id();
    for operation in ["authorize", "capture", "refund"] {
        let body = body(order, (operation == "authorize").then_some("tok_ok"));
        let outcomes = [
            call(api, operation, &id().to_string(), &body).await,
            call(api, operation, &id().to_string(), &body).await,
        ];
        assert_eq!(outcomes.map(|answer| answer.is(200)["outcome"].clone()), ["approved", "declined"]);
    }
    let void = call(api, "void", &id().to_string(), &body(order, None)).await.is(200);
    assert_eq!(void["outcome"], "declined", "{void}");
    assert_eq!(effects(api, &order.to_string()).await, ["authorize", "capture", "refund"]);
}

async fn a_flaky_operation_fails_twice_and_then_works() {
    let api = every_day().await;
    let order = id();
    for operation in ["authorize", "capture"] {
        let (key, body) =
            (format!("{order}:{operation}"), body(order, (operation == "authorize").then_some("tok_flaky")));
        for _ in 0..2 {
            let failed = call(api, operation, &key, &body).await;
            assert!(failed.refused(503, "unavailable").is_empty());
            assert_eq!(failed.header("retry-after"), "1");
        }
        assert_eq!(call(api, operation, &key, &body).await.is(200)["outcome"], "approved");
    }
    assert_eq!(effects(api, &order.to_string()).await, ["authorize", "capture"]);
}

async fn a_slow_answer_takes_2_s() {
    let api = every_day().await;
    let (order, began) = (id(), Instant::now());
    authorize(api, order, "tok_slow").await.is(200);
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

async fn an_effect_is_written_before_the_call_is_answered() {
    let api = every_day().await;
    for _ in 0..10 {
        let order = id();
        authorize(api, order, "tok_ok").await.is(200);
        assert_eq!(effects(api, &order.to_string()).await, ["authorize"]);
    }
    // Its answer comes far later than any caller waits, the effect is there all the same.
    let order = id();
    let late = authorize(api, order, "tok_timeout_after_charge");
    let written = testkit::until("the effect", crate::shelf::WITHIN, || async {
        let effects = effects(api, &order.to_string()).await;
        if effects == ["authorize"] { Ok(()) } else { Err(format!("{effects:?}")) }
    });
    tokio::select! {
        answer = late => panic!("answered in time: {answer:?}"),
        () = written => {}
    }
}

async fn a_declined_call_leaves_nothing() {
    let api = every_day().await;
    for token in ["tok_declined", "tok_insufficient_funds", "tok_OK", "visa"] {
        let order = id();
        let answer = authorize(api, order, token).await.is(200);
        assert_eq!(answer["outcome"], "declined", "{answer}");
        assert!(ledger(api, &order.to_string()).await.is_empty());
    }
    for operation in ["capture", "void", "refund"] {
        let order = id();
        let answer = call(api, operation, &id().to_string(), &body(order, None)).await.is(200);
        assert_eq!(answer["outcome"], "declined", "{answer}");
        assert!(ledger(api, &order.to_string()).await.is_empty());
    }
}
