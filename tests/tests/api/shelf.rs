//! Customers, products and orders that a test has for itself.

use std::time::Duration;

use all::launch::Program;
use futures::StreamExt as _;
use kernel::Timestamp;
use kernel::clock::{Ids as _, SystemIds};
use serde_json::{Value, json};
use testkit::until;
use uuid::Uuid;

use crate::client::{Answer, Api};

/// Nothing a test waits for takes longer, also on a machine that does everything at once.
pub const WITHIN: Duration = Duration::from_mins(1);

const LISTED_AT_A_TIME: usize = 4;

/// An id nobody else has.
pub fn id() -> Uuid {
    SystemIds.next()
}

/// A sku nobody else has.
pub fn sku() -> String {
    format!("S-{}", id().simple())
}

pub fn product(amount_minor: i64, currency: &str) -> Value {
    json!({"name": "Tea", "unit_price": {"amount_minor": amount_minor, "currency": currency}})
}

pub fn basket(customer: Uuid, lines: &[(&str, i64)], token: &str) -> Value {
    let lines: Vec<Value> =
        lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    json!({"customer_id": customer, "lines": lines, "payment_token": token})
}

/// A registered customer.
pub async fn customer(api: &Api) -> Uuid {
    let id = id();
    let person = json!({"name": "Ada Lovelace", "email": "ada@shop.example"});
    api.put(Program::Order, &format!("/customers/{id}"), &person).await.is(201);
    id
}

/// A product that can be ordered for `amount_minor` EUR cents, with `stock` pieces of it.
pub async fn listed(api: &Api, amount_minor: i64, stock: u32) -> String {
    let sku = sku();
    api.put(Program::Inventory, &format!("/products/{sku}"), &product(amount_minor, "EUR")).await.is(201);
    if stock > 0 {
        let receipt = json!({"receipt_id": id(), "quantity": stock});
        api.post(Program::Inventory, &format!("/stock/{sku}/receipts"), &receipt).await.is(201);
    }
    orderable(api, &sku).await;
    sku
}

/// As many such products for 1 EUR cent; no more are listed at a time than a service has connections to its database.
pub async fn all_listed(api: &Api, count: usize, stock: u32) -> Vec<String> {
    let listings = futures::stream::iter(0..count).map(|_| listed(api, 1, stock));
    listings.buffered(LISTED_AT_A_TIME).collect().await
}

/// Waits until the order service has heard of the product.
pub async fn orderable(api: &Api, sku: &str) -> Value {
    let path = format!("/products/{sku}");
    let heard = until(format!("{sku} can be ordered"), WITHIN, || async {
        let answer = api.get(Program::Order, &path).await;
        if answer.status == 200 { Ok(answer) } else { Err(answer.text) }
    });
    heard.await.json()
}

/// Asks for an order.
pub async fn order(api: &Api, basket: &Value) -> Answer {
    api.post(Program::Order, "/orders", basket).await
}

/// An order of two pieces of a product of its own at 350 EUR cents, paid by `token`; the order's id.
pub async fn placed(api: &Api, token: &str) -> String {
    let (customer, sku) = (customer(api).await, listed(api, 350, 10).await);
    id_of(&order(api, &basket(customer, &[(&sku, 2)], token)).await.is(201))
}

/// The same, waited for until it is settled.
pub async fn settled(api: &Api, token: &str) -> Value {
    let id = placed(api, token).await;
    settle(api, &id).await
}

/// Waits until the order is settled.
pub async fn settle(api: &Api, order: &str) -> Value {
    waited(api, order, "settled", |order| order["settled"] == true).await
}

/// Waits until the order is decided.
pub async fn decide(api: &Api, order: &str) -> Value {
    waited(api, order, "decided", |order| order["status"] != "pending").await
}

async fn waited(api: &Api, order: &str, goal: &str, is_met: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/orders/{order}?wait={goal}&timeout=10s");
    let met = until(format!("order {order} is {goal}"), WITHIN, || async {
        let order = api.get(Program::Order, &path).await.is(200);
        if is_met(&order) { Ok(order) } else { Err(order.to_string()) }
    });
    met.await
}

pub async fn seen(api: &Api, order: &str) -> Value {
    api.get(Program::Order, &format!("/orders/{order}")).await.is(200)
}

#[track_caller]
pub fn id_of(order: &Value) -> String {
    order["order_id"].as_str().unwrap_or_else(|| panic!("no order: {order}")).to_owned()
}

/// Effects in the gateway's ledger on an order.
pub async fn ledger(api: &Api, order: &str) -> Vec<Value> {
    let path = format!("/ledger?order_id={order}");
    items(&api.get(Program::PaymentGateway, &path).await.is(200))
}

/// Their kinds.
pub async fn effects(api: &Api, order: &str) -> Vec<String> {
    ledger(api, order).await.iter().map(|effect| effect["kind"].as_str().unwrap().to_owned()).collect()
}

/// The items of a page, which has nothing but them and a cursor.
#[track_caller]
pub fn items(page: &Value) -> Vec<Value> {
    assert_members(page, &["items", "next_cursor"]);
    page["items"].as_array().unwrap_or_else(|| panic!("no list: {page}")).clone()
}

/// An object with these members and no others.
#[track_caller]
pub fn assert_members(object: &Value, names: &[&str]) {
    let mut found: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    let mut names = names.to_vec();
    found.sort_unstable();
    names.sort_unstable();
    assert_eq!(found, names, "{object}");
}

#[track_caller]
pub fn assert_money(money: &Value, amount_minor: i64, currency: &str) {
    assert_eq!(*money, json!({"amount_minor": amount_minor, "currency": currency}));
}

/// RFC 3339, in UTC.
#[track_caller]
pub fn time(value: &Value) -> Timestamp {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    let parsed = Timestamp::parse(text).filter(|_| text.ends_with('Z') && text.contains('T'));
    parsed.unwrap_or_else(|| panic!("not RFC 3339 in UTC: {text}"))
}
