//! **order**: `POST /orders`: what is taken, at which price, and what is refused.

use all::launch::Program;
use serde_json::{Value, json};
use testkit::until;
use uuid::Uuid;

use crate::client::{Answer, Api};
use crate::shelf::{
    WITHIN, all_listed, assert_members, assert_money, basket, customer, id, listed, order, orderable,
    product, seen, sku, time,
};
use crate::stores::{every_day, sentences};

sentences![
    an_order_is_answered_whole_and_pending_with_its_location,
    an_order_is_readable_at_once,
    an_order_costs_what_the_read_model_says_and_never_what_the_client_says,
    the_price_is_that_of_the_moment,
    an_order_has_1_to_100_lines,
    a_quantity_is_1_to_10000,
    a_sku_comes_once,
    an_order_has_one_currency,
    the_total_is_within_i64,
    a_payment_token_has_1_to_200_printable_characters,
    an_unknown_customer_or_sku_is_422_and_named,
    an_order_may_name_ids_in_any_spelling_of_a_uuid,
];

/// The one product and customer of a test.
async fn offer(api: &Api, amount_minor: i64) -> (Uuid, String) {
    (customer(api).await, listed(api, amount_minor, 0).await)
}

#[track_caller]
fn names_value(answer: &Answer, pointer: &str, value: &str) {
    answer.refuses(422, "invalid-input", pointer);
    let problem = answer.json();
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains(value), "{problem}");
}

async fn an_order_is_answered_whole_and_pending_with_its_location() {
    let api = every_day().await;
    let (customer, sku) = offer(api, 350).await;
    let answer = order(api, &basket(customer, &[(&sku, 3)], "tok_ok")).await;
    let order = answer.is(201);
    let members = [
        "order_id",
        "customer_id",
        "status",
        "reason",
        "lines",
        "total",
        "progress",
        "settled",
        "created_at",
        "updated_at",
        "deadline_at",
    ];
    assert_members(&order, &members);
    let id: Uuid = order["order_id"].as_str().unwrap().parse().unwrap();
    assert_eq!((id.get_version_num(), answer.header("location")), (7, format!("/orders/{id}").as_str()));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("idempotent-replayed"), "");
    assert_eq!((&order["status"], &order["reason"]), (&json!("pending"), &Value::Null));
    assert_eq!(order["customer_id"], json!(customer));
    let price = json!({"amount_minor": 350, "currency": "EUR"});
    assert_eq!(order["lines"], json!([{"sku": sku, "quantity": 3, "unit_price": price}]));
    assert_money(&order["total"], 1_050, "EUR");
    assert_eq!(order["progress"], json!({"stock": "pending", "payment": "pending"}));
    assert_eq!(order["settled"], false);
    let (created, deadline) = (time(&order["created_at"]), time(&order["deadline_at"]));
    assert_eq!(time(&order["updated_at"]), created);
    assert_eq!(deadline.since(created), std::time::Duration::from_mins(10));
}

async fn an_order_is_readable_at_once() {
    let api = every_day().await;
    let (customer, sku) = offer(api, 350).await;
    let mut last = None;
    for _ in 0..10 {
        let answer = order(api, &basket(customer, &[(&sku, 1)], "tok_ok")).await;
        let placed = answer.is(201);
        let read = api.get(Program::Order, answer.header("location")).await.is(200);
        for member in ["order_id", "customer_id", "lines", "total", "created_at", "deadline_at"] {
            assert_eq!(read[member], placed[member], "{member}");
        }
        let first = api.get(Program::Order, &format!("/orders?customer_id={customer}&limit=1")).await.is(200);
        assert_eq!(first["items"][0]["order_id"], placed["order_id"]);
        assert_ne!(last.replace(placed["order_id"].clone()), Some(placed["order_id"].clone()));
    }
}

async fn an_order_costs_what_the_read_model_says_and_never_what_the_client_says() {
    let api = every_day().await;
    let (customer, sku) = offer(api, 350).await;
    let price = json!({"amount_minor": 1, "currency": "EUR"});
    let mut priced = basket(customer, &[(&sku, 1)], "tok_ok");
    priced["lines"][0]["unit_price"] = price.clone();
    order(api, &priced).await.refuses(422, "invalid-input", "/lines/0/unit_price");
    let mut totalled = basket(customer, &[(&sku, 1)], "tok_ok");
    totalled["total"] = price;
    order(api, &totalled).await.refuses(422, "invalid-input", "/total");
    let known = orderable(api, &sku).await;
    let placed = order(api, &basket(customer, &[(&sku, 10_000)], "tok_ok")).await.is(201);
    assert_eq!(placed["lines"][0]["unit_price"], known["unit_price"]);
    assert_money(&placed["total"], 3_500_000, "EUR");
}

async fn the_price_is_that_of_the_moment() {
    let api = every_day().await;
    let (customer, sku) = offer(api, 350).await;
    let before = order(api, &basket(customer, &[(&sku, 1)], "tok_ok")).await.is(201);
    api.put(Program::Inventory, &format!("/products/{sku}"), &product(500, "EUR")).await.is(200);
    until("the new price", WITHIN, || async {
        let known = orderable(api, &sku).await;
        if known["unit_price"]["amount_minor"] == 500 { Ok(()) } else { Err(known.to_string()) }
    })
    .await;
    assert_money(&order(api, &basket(customer, &[(&sku, 1)], "tok_ok")).await.is(201)["total"], 500, "EUR");
    let before = seen(api, before["order_id"].as_str().unwrap()).await;
    assert_money(&before["total"], 350, "EUR");
    assert_money(&before["lines"][0]["unit_price"], 350, "EUR");
}

async fn an_order_has_1_to_100_lines() {
    let api = every_day().await;
    let customer = customer(api).await;
    let skus = all_listed(api, 101, 0).await;
    let lines: Vec<(&str, i64)> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
    order(api, &basket(customer, &[], "tok_ok")).await.refuses(422, "invalid-input", "/lines");
    names_value(&order(api, &basket(customer, &lines, "tok_ok")).await, "/lines", "101");
    let placed = order(api, &basket(customer, &lines[..100], "tok_ok")).await.is(201);
    assert_eq!(placed["lines"].as_array().unwrap().len(), 100);
    assert_money(&placed["total"], 100, "EUR");
}

async fn a_quantity_is_1_to_10000() {
    let api = every_day().await;
    let (customer, sku) = offer(api, 1).await;
    for quantity in [0, -1, 10_001, i64::MAX, i64::MIN] {
        let answer = order(api, &basket(customer, &[(&sku, quantity)], "tok_ok")).await;
        names_value(&answer, "/lines/0/quantity", &quantity.to_string());
    }
    for quantity in [1, 10_000] {
        let placed = order(api, &basket(customer, &[(&sku, quantity)], "tok_ok")).await.is(201);
        assert_eq!(placed["lines"][0]["quantity"], quantity);
    }
}

async fn a_sku_comes_once() {
    let api = every_day().await;
    let (customer, sku) = offer(api, 1).await;
    let twice = order(api, &basket(customer, &[(&sku, 1), (&sku, 2)], "tok_ok")).await;
    names_value(&twice, "/lines/1/sku", &sku);
}

async fn an_order_has_one_currency() {
    let api = every_day().await;
    let (customer, euros, dollars) = (customer(api).await, listed(api, 1, 0).await, sku());
    api.put(Program::Inventory, &format!("/products/{dollars}"), &product(1, "USD")).await.is(201);
    orderable(api, &dollars).await;
    let mixed = order(api, &basket(customer, &[(&euros, 1), (&dollars, 1)], "tok_ok")).await;
    names_value(&mixed, "/lines/1/sku", "USD");
    let placed = order(api, &basket(customer, &[(&dollars, 2)], "tok_ok")).await.is(201);
    assert_money(&placed["total"], 2, "USD");
}

async fn the_total_is_within_i64() {
    let api = every_day().await;
    let (customer, dear) = offer(api, i64::MAX).await;
    let cheap = listed(api, 1, 0).await;
    for lines in [&[(dear.as_str(), 2)][..], &[(&dear, 10_000)], &[(&dear, 1), (&cheap, 1)]] {
        order(api, &basket(customer, lines, "tok_ok")).await.refuses(422, "invalid-input", "/lines");
    }
    let placed = order(api, &basket(customer, &[(&dear, 1)], "tok_declined")).await.is(201);
    assert_money(&placed["total"], i64::MAX, "EUR");
}

async fn a_payment_token_has_1_to_200_printable_characters() {
    let api = every_day().await;
    let (customer, sku) = offer(api, 1).await;
    for bad in ["", " ", "a\0", "a\u{7f}", "a\n", &"t".repeat(201)] {
        let answer = order(api, &basket(customer, &[(&sku, 1)], bad)).await;
        answer.refuses(422, "invalid-input", "/payment_token");
    }
    for good in ["t", "a token of several words", &"ü".repeat(200)] {
        order(api, &basket(customer, &[(&sku, 1)], good)).await.is(201);
    }
}

async fn an_unknown_customer_or_sku_is_422_and_named() {
    let api = every_day().await;
    let ((known, listed), (stranger, unlisted)) = (offer(api, 1).await, (id(), sku()));
    let answer = order(api, &basket(stranger, &[(&listed, 1)], "tok_ok")).await;
    names_value(&answer, "/customer_id", &stranger.to_string());
    let answer = order(api, &basket(known, &[(&listed, 1), (&unlisted, 1)], "tok_ok")).await;
    names_value(&answer, "/lines/1/sku", &unlisted);
    let answer = order(api, &basket(stranger, &[(&unlisted, 1)], "tok_ok")).await;
    assert_eq!(answer.refused(422, "invalid-input"), ["/customer_id", "/lines/0/sku"]);
    let orders = api.get(Program::Order, &format!("/orders?customer_id={known}")).await.is(200);
    assert_eq!(orders, json!({"items": [], "next_cursor": null}));
}

async fn an_order_may_name_ids_in_any_spelling_of_a_uuid() {
    let api = every_day().await;
    let (customer, sku) = offer(api, 1).await;
    for spelling in [customer.simple().to_string(), customer.to_string().to_uppercase()] {
        let mut basket = basket(customer, &[(&sku, 1)], "tok_ok");
        basket["customer_id"] = json!(spelling);
        assert_eq!(order(api, &basket).await.is(201)["customer_id"], json!(customer));
    }
}
