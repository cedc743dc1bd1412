//! **order**: `POST /orders/{id}/cancel`.

use all::launch::Program;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Api};
use crate::shelf::{basket, customer, decide, effects, id_of, listed, order, placed, seen, settle, settled};
use crate::stores::{every_day, hasty, sentences, stuck};

sentences![
    a_pending_order_is_cancelled_in_the_answer: own_store,
    an_order_cancelled_while_the_gateway_answers_is_undone_there,
    a_confirmed_order_is_cancelled_and_unsettled_until_refund_and_stock_have_answered,
    cancelling_again_is_200_with_the_order_as_it_is,
    an_order_cancelled_for_another_reason_is_200_as_it_is,
    a_confirmed_order_past_its_window_is_409: own_store,
    a_cancelled_order_past_the_window_is_200_as_it_is: own_store,
    cancelling_needs_no_body_and_reads_none,
];

async fn cancel(api: &Api, order: &str) -> Answer {
    api.call(Method::POST, Program::Order, &format!("/orders/{order}/cancel")).send().await
}

#[track_caller]
fn assert_cancelled(order: &Value, reason: &str) {
    assert_eq!((&order["status"], &order["reason"]), (&json!("cancelled"), &json!(reason)), "{order}");
}

async fn a_pending_order_is_cancelled_in_the_answer() {
    let api = stuck().await;
    let id = placed(api, "tok_ok").await;
    for _ in 0..2 {
        let order = cancel(api, &id).await.is(200);
        assert_cancelled(&order, "customer_request");
        assert_eq!((&order["settled"], &order["progress"]["payment"]), (&json!(false), &json!("pending")));
        assert_cancelled(&seen(api, &id).await, "customer_request");
    }
}

async fn an_order_cancelled_while_the_gateway_answers_is_undone_there() {
    let api = every_day().await;
    for token in ["tok_slow", "tok_flaky", "tok_timeout_after_charge"] {
        let id = placed(api, token).await;
        assert_cancelled(&cancel(api, &id).await.is(200), "customer_request");
        let order = settle(api, &id).await;
        assert_cancelled(&order, "customer_request");
        assert_eq!(order["progress"]["stock"], "released");
        // On a machine that hangs the order may have been confirmed before; then it is paid back.
        let undone: &[&str] = match order["progress"]["payment"].as_str().unwrap() {
            "voided" => &["authorize", "void"],
            "refunded" => &["authorize", "capture", "refund"],
            other => panic!("{other}: {order}"),
        };
        let effects = effects(api, &id).await;
        assert!(effects == undone || effects.is_empty(), "{token}: {effects:?}, {order}");
    }
}

async fn a_confirmed_order_is_cancelled_and_unsettled_until_refund_and_stock_have_answered() {
    let api = every_day().await;
    let (customer, sku) = (customer(api).await, listed(api, 350, 10).await);
    let id = id_of(&order(api, &basket(customer, &[(&sku, 4)], "tok_ok")).await.is(201));
    settle(api, &id).await;
    let stock =
        async || api.get(Program::Inventory, &format!("/stock/{sku}")).await.is(200)["on_hand"].clone();
    assert_eq!(stock().await, 6);
    let order = cancel(api, &id).await.is(200);
    assert_cancelled(&order, "customer_request");
    assert_eq!(order["settled"], false);
    assert_eq!(order["progress"], json!({"stock": "committed", "payment": "captured"}));
    let order = settle(api, &id).await;
    assert_cancelled(&order, "customer_request");
    assert_eq!(order["progress"], json!({"stock": "released", "payment": "refunded"}));
    assert_eq!(stock().await, 10);
    assert_eq!(effects(api, &id).await, ["authorize", "capture", "refund"]);
}

async fn cancelling_again_is_200_with_the_order_as_it_is() {
    let api = every_day().await;
    let id = id_of(&settled(api, "tok_ok").await);
    cancel(api, &id).await.is(200);
    assert_cancelled(&cancel(api, &id).await.is(200), "customer_request");
    let order = settle(api, &id).await;
    assert_eq!(cancel(api, &id).await.is(200), order);
    assert_eq!(seen(api, &id).await, order, "nothing has changed");
    assert_eq!(effects(api, &id).await, ["authorize", "capture", "refund"]);
}

async fn an_order_cancelled_for_another_reason_is_200_as_it_is() {
    let api = every_day().await;
    for (token, reason) in [("tok_declined", "payment_declined"), ("tok_capture_fails", "capture_failed")] {
        let order = settled(api, token).await;
        assert_cancelled(&order, reason);
        assert_eq!(cancel(api, &id_of(&order)).await.is(200), order);
    }
}

async fn a_confirmed_order_past_its_window_is_409() {
    let api = hasty().await;
    let order = settled(api, "tok_ok").await;
    let answer = cancel(api, &id_of(&order)).await;
    assert!(answer.refused(409, "past-cancellation-window").is_empty());
    assert_eq!(seen(api, &id_of(&order)).await, order);
}

async fn a_cancelled_order_past_the_window_is_200_as_it_is() {
    let api = hasty().await;
    let declined = settled(api, "tok_declined").await;
    assert_eq!(cancel(api, &id_of(&declined)).await.is(200), declined);
}

async fn cancelling_needs_no_body_and_reads_none() {
    let api = every_day().await;
    let id = placed(api, "tok_ok").await;
    decide(api, &id).await;
    let path = format!("/orders/{id}/cancel");
    assert_cancelled(&api.post(Program::Order, &path, &json!({})).await.is(200), "customer_request");
}
