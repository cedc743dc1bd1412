//! **billing**: `GET /payments/{order_id}`, and how it calls the gateway: 3 s a call, bounded, no call delays another order.

use std::time::{Duration, Instant};

use all::launch::Program;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::until;

use crate::client::Api;
use crate::shelf::{
    WITHIN, assert_members, assert_money, basket, customer, id, id_of, ledger, listed, order, placed, settle,
    settled, time,
};
use crate::stores::{every_day, sentences, stuck};

sentences![
    a_payment_has_the_status_of_its_order_its_amount_attempts_and_reference,
    a_call_that_fails_is_tried_again_and_counted,
    a_payment_that_waits_for_the_gateway_is_pending_without_a_reference: own_store,
    every_test_token_is_settled_within_20_s,
    a_slow_call_delays_no_other_order,
];

async fn payment(api: &Api, order: &str) -> Value {
    let payment = api.get(Program::Billing, &format!("/payments/{order}")).await.is(200);
    assert_members(&payment, &["order_id", "status", "amount", "attempts", "gateway_reference"]);
    assert_eq!(payment["order_id"], *order);
    payment
}

async fn a_payment_has_the_status_of_its_order_its_amount_attempts_and_reference() {
    let api = every_day().await;
    for (token, status) in
        [("tok_ok", "captured"), ("tok_declined", "declined"), ("tok_capture_fails", "voided")]
    {
        let order = settled(api, token).await;
        let payment = payment(api, &id_of(&order)).await;
        assert_eq!((&payment["status"], &payment["attempts"]), (&json!(status), &json!(1)), "{payment}");
        assert_eq!(payment["status"], order["progress"]["payment"]);
        assert_money(&payment["amount"], 700, "EUR");
        assert!(payment["gateway_reference"].as_str().is_some_and(|name| !name.is_empty()), "{payment}");
    }
    let id = id_of(&settled(api, "tok_ok").await);
    api.call(Method::POST, Program::Order, &format!("/orders/{id}/cancel")).send().await.is(200);
    settle(api, &id).await;
    assert_eq!(payment(api, &id).await["status"], "refunded");
}

async fn a_call_that_fails_is_tried_again_and_counted() {
    let api = every_day().await;
    let flaky = id_of(&settled(api, "tok_flaky").await);
    assert_eq!(payment(api, &flaky).await["attempts"], 3, "two calls fail, the third works");
    // Of a call whose first answer never comes the second attempt is to be seen only until the capture, which begins at 1 again:
    // billing's own tests count it.
    let timed_out = settled(api, "tok_timeout_after_charge").await;
    assert_eq!(timed_out["status"], "confirmed");
}

async fn a_payment_that_waits_for_the_gateway_is_pending_without_a_reference() {
    let api = stuck().await;
    let id = placed(api, "tok_ok").await;
    until("billing has heard of the order and tries", WITHIN, || async {
        let answer = api.get(Program::Billing, &format!("/payments/{id}")).await;
        if answer.status == 200 && answer.json()["attempts"] != 0 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    let payment = payment(api, &id).await;
    assert_eq!((&payment["status"], &payment["gateway_reference"]), (&json!("pending"), &Value::Null));
    assert_money(&payment["amount"], 700, "EUR");
}

async fn every_test_token_is_settled_within_20_s() {
    let api = every_day().await;
    let tokens = [
        "tok_ok",
        "tok_declined",
        "tok_insufficient_funds",
        "tok_flaky",
        "tok_slow",
        "tok_timeout_after_charge",
        "tok_capture_fails",
        "a token nobody knows",
    ];
    let took = join_all(tokens.map(|token| async move {
        let id = placed(api, token).await;
        let began = Instant::now();
        let settled = settle(api, &id).await;
        (token, began.elapsed(), time(&settled["updated_at"]).since(time(&settled["created_at"])))
    }));
    for (token, waited, took) in took.await {
        assert!(took < Duration::from_secs(20), "{token}: settled after {took:?}, seen after {waited:?}");
    }
}

/// One after the other these would take 14 s from the first to the last.
const SLOW: usize = 8;
const ONE_AFTER_THE_OTHER: Duration = Duration::from_secs(14);

async fn a_slow_call_delays_no_other_order() {
    let api = every_day().await;
    let (customer, sku) = (customer(api).await, listed(api, 1, 100).await);
    let basket = basket(customer, &[(&sku, 1)], "tok_slow");
    let placed = join_all((0..SLOW).map(|_| order(api, &basket))).await;
    let orders: Vec<String> = placed.iter().map(|placed| id_of(&placed.is(201))).collect();
    join_all(orders.iter().map(|id| settle(api, id))).await;
    let mut authorized = Vec::new();
    for id in &orders {
        // Written before the slow answer is given.
        authorized.push(time(&ledger(api, id).await[0]["at"]));
    }
    let span = authorized.iter().max().unwrap().since(*authorized.iter().min().unwrap());
    assert!(span < ONE_AFTER_THE_OTHER, "{span:?}");
    api.get(Program::Billing, &format!("/payments/{}", id())).await.refused(404, "not-found");
}
