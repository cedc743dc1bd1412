//! **order**: `Idempotency-Key` of `POST /orders`.

use all::launch::Program;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Answer, Api};
use crate::shelf::{basket, customer, id, items, listed, settle};
use crate::stores::{every_day, hasty, sentences};

sentences![
    the_same_key_and_body_get_the_first_answer_again,
    the_answer_stays_the_first_when_the_order_has_gone_on,
    a_body_with_the_same_meaning_is_the_same_body,
    the_same_key_with_another_body_is_422,
    requests_at_once_with_one_key_make_one_order,
    a_key_is_free_again_after_a_4xx,
    a_key_has_1_to_200_characters,
    keys_are_told_apart_by_every_character,
    without_a_key_each_request_is_an_order,
    a_key_is_forgotten_when_its_time_is_over: own_store,
];

async fn place(api: &Api, key: &str, body: &Value) -> Answer {
    api.call(Method::POST, Program::Order, "/orders").header("idempotency-key", key).json(body).send().await
}

/// Something to order, by a customer of one's own.
async fn wish(api: &Api) -> (Uuid, Value) {
    let (customer, sku) = (customer(api).await, listed(api, 350, 10).await);
    (customer, basket(customer, &[(&sku, 1)], "tok_ok"))
}

async fn orders_of(api: &Api, customer: Uuid) -> usize {
    items(&api.get(Program::Order, &format!("/orders?customer_id={customer}")).await.is(200)).len()
}

#[track_caller]
fn assert_replay(again: &Answer, first: &Answer) {
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(again.header("idempotent-replayed"), "true");
}

async fn the_same_key_and_body_get_the_first_answer_again() {
    let api = every_day().await;
    let ((customer, body), key) = (wish(api).await, id().to_string());
    let first = place(api, &key, &body).await;
    first.is(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    for _ in 0..3 {
        assert_replay(&place(api, &key, &body).await, &first);
    }
    assert_eq!(orders_of(api, customer).await, 1);
}

async fn the_answer_stays_the_first_when_the_order_has_gone_on() {
    let api = every_day().await;
    let ((_, body), key) = (wish(api).await, id().to_string());
    let first = place(api, &key, &body).await;
    settle(api, first.is(201)["order_id"].as_str().unwrap()).await;
    let again = place(api, &key, &body).await;
    assert_replay(&again, &first);
    assert_eq!(again.json()["status"], "pending");
}

async fn a_body_with_the_same_meaning_is_the_same_body() {
    let api = every_day().await;
    let ((_, body), key) = (wish(api).await, id().to_string());
    let first = place(api, &key, &body).await;
    first.is(201);
    let line = &body["lines"][0];
    let text = format!(
        "{{ \"payment_token\" : \"tok_\\u006fk\",\n\"lines\":[{{\"quantity\":1, \"sku\":{}}}], \"customer_id\": {} }}",
        line["sku"], body["customer_id"]
    );
    let call = api.call(Method::POST, Program::Order, "/orders").header("idempotency-key", &key);
    let again = call.header("content-type", "application/json; charset=utf-8").body(text).send().await;
    assert_replay(&again, &first);
}

async fn the_same_key_with_another_body_is_422() {
    let api = every_day().await;
    let ((customer, body), key) = (wish(api).await, id().to_string());
    let first = place(api, &key, &body).await;
    first.is(201);
    for (pointer, other) in [("/lines/0/quantity", json!(2)), ("/payment_token", json!("tok_declined"))] {
        let mut changed = body.clone();
        *changed.pointer_mut(pointer).unwrap() = other;
        place(api, &key, &changed).await.refused(422, "idempotency-key-used");
    }
    assert_eq!(orders_of(api, customer).await, 1);
    assert_replay(&place(api, &key, &body).await, &first);
}

async fn requests_at_once_with_one_key_make_one_order() {
    let api = every_day().await;
    for _ in 0..5 {
        let ((customer, body), key) = (wish(api).await, id().to_string());
        let answers = join_all((0..6).map(|_| place(api, &key, &body))).await;
        let is_first =
            |answer: &&Answer| answer.status == 201 && answer.header("idempotent-replayed").is_empty();
        let firsts: Vec<&Answer> = answers.iter().filter(is_first).collect();
        assert_eq!(firsts.len(), 1, "{answers:?}");
        for other in answers.iter().filter(|answer| !is_first(answer)) {
            match other.status {
                409 => drop(other.refused(409, "idempotency-key-running")),
                _ => assert_replay(other, firsts[0]),
            }
        }
        assert_eq!(orders_of(api, customer).await, 1);
        assert_replay(&place(api, &key, &body).await, firsts[0]);
    }
}

async fn a_key_is_free_again_after_a_4xx() {
    let api = every_day().await;
    let ((customer, body), key) = (wish(api).await, id().to_string());
    let changed = |pointer: &str, value: Value| {
        let mut changed = body.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    for bad in [
        changed("/lines/0/quantity", json!(0)),
        changed("/lines/0/sku", json!("S-never-listed")),
        changed("/customer_id", json!(id())),
        changed("/payment_token", json!("")),
        json!({}),
    ] {
        assert_eq!(place(api, &key, &bad).await.status, 422);
    }
    let call = || api.call(Method::POST, Program::Order, "/orders").header("idempotency-key", &key);
    call().header("content-type", "application/json").body("{").send().await.refused(400, "malformed-json");
    call().body(body.to_string()).send().await.refused(415, "unsupported-media-type");
    assert_eq!(orders_of(api, customer).await, 0);
    let first = place(api, &key, &body).await;
    first.is(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    assert_replay(&place(api, &key, &body).await, &first);
}

async fn a_key_has_1_to_200_characters() {
    let api = every_day().await;
    let (customer, body) = wish(api).await;
    let mark = id().simple().to_string();
    for key in [format!("{mark}{}", "k".repeat(200 - mark.len())), format!("a key, \"with\" {mark}/~!")] {
        let first = place(api, &key, &body).await;
        first.is(201);
        assert_replay(&place(api, &key, &body).await, &first);
    }
    assert_eq!(orders_of(api, customer).await, 2);
}

async fn keys_are_told_apart_by_every_character() {
    let api = every_day().await;
    let ((customer, body), key) = (wish(api).await, format!("k{}", id().simple()));
    for key in [key.clone(), key.to_uppercase(), format!("{key}."), format!("{key}%00")] {
        let placed = place(api, &key, &body).await;
        placed.is(201);
        assert_eq!(placed.header("idempotent-replayed"), "", "{key}");
    }
    assert_eq!(orders_of(api, customer).await, 4);
}

async fn without_a_key_each_request_is_an_order() {
    let api = every_day().await;
    let (customer, body) = wish(api).await;
    for _ in 0..2 {
        api.post(Program::Order, "/orders", &body).await.is(201);
    }
    assert_eq!(orders_of(api, customer).await, 2);
}

async fn a_key_is_forgotten_when_its_time_is_over() {
    let api = hasty().await;
    let ((customer, body), key) = (wish(api).await, id().to_string());
    for _ in 0..2 {
        let placed = place(api, &key, &body).await;
        placed.is(201);
        assert_eq!(placed.header("idempotent-replayed"), "");
    }
    assert_eq!(orders_of(api, customer).await, 2);
}
