//! **email**: `GET /emails?order_id=`.

use all::launch::Program;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::until;

use crate::client::Api;
use crate::shelf::{
    WITHIN, assert_members, basket, customer, id_of, items, listed, order, settle, settled, time,
};
use crate::stores::{every_day, sentences};

sentences![
    a_confirmed_order_has_one_receipt,
    a_cancelled_order_has_one_notice_also_when_never_confirmed,
    an_order_cancelled_after_it_was_confirmed_has_both,
    a_mail_to_an_erased_customer_ends_as_failed,
];

/// The mails of an order, as soon as there are `count` and each has ended.
pub async fn mails(api: &Api, order: &str, count: usize) -> Vec<Value> {
    let path = format!("/emails?order_id={order}");
    let ended = until(format!("{count} mails of {order}"), WITHIN, || async {
        let mails = items(&api.get(Program::Email, &path).await.is(200));
        let all = mails.len() == count && mails.iter().all(|mail| mail["status"] != "pending");
        if all { Ok(mails) } else { Err(format!("{mails:?}")) }
    });
    ended.await
}

#[track_caller]
fn assert_sent(mail: &Value, order: &Value, kind: &str) {
    assert_members(mail, &["order_id", "kind", "status", "message_id", "sent_at"]);
    assert_eq!(mail["order_id"], order["order_id"]);
    assert_eq!((&mail["kind"], &mail["status"]), (&json!(kind), &json!("sent")), "{mail}");
    let message_id = mail["message_id"].as_str().unwrap();
    let begins = format!("{}.{kind}@", order["order_id"].as_str().unwrap());
    assert!(message_id.starts_with(&begins) && message_id.len() > begins.len(), "{mail}");
    assert!(time(&mail["sent_at"]) > time(&order["created_at"]), "{mail}");
}

async fn a_confirmed_order_has_one_receipt() {
    let api = every_day().await;
    let order = settled(api, "tok_ok").await;
    let mails = mails(api, &id_of(&order), 1).await;
    assert_sent(&mails[0], &order, "receipt");
}

async fn a_cancelled_order_has_one_notice_also_when_never_confirmed() {
    let api = every_day().await;
    let declined = settled(api, "tok_declined").await;
    assert_sent(&mails(api, &id_of(&declined), 1).await[0], &declined, "cancellation");
    let (customer, sku) = (customer(api).await, listed(api, 1, 0).await);
    let placed = order(api, &basket(customer, &[(&sku, 1)], "tok_ok")).await.is(201);
    let out_of_stock = settle(api, &id_of(&placed)).await;
    assert_sent(&mails(api, &id_of(&out_of_stock), 1).await[0], &out_of_stock, "cancellation");
}

async fn an_order_cancelled_after_it_was_confirmed_has_both() {
    let api = every_day().await;
    let order = settled(api, "tok_ok").await;
    let id = id_of(&order);
    for _ in 0..2 {
        api.call(Method::POST, Program::Order, &format!("/orders/{id}/cancel")).send().await.is(200);
    }
    settle(api, &id).await;
    let both = mails(api, &id, 2).await;
    assert_sent(&both[0], &order, "receipt");
    assert_sent(&both[1], &order, "cancellation");
    assert!(time(&both[0]["sent_at"]) <= time(&both[1]["sent_at"]));
    let failed = settled(api, "tok_capture_fails").await;
    let both = mails(api, &id_of(&failed), 2).await;
    assert_sent(&both[0], &failed, "receipt");
    assert_sent(&both[1], &failed, "cancellation");
}

/// The erasure reaches the service on another topic than the cancellations, so a first notice may overtake it.
const NOTICES_MAX: usize = 10;

async fn a_mail_to_an_erased_customer_ends_as_failed() {
    let api = every_day().await;
    let (customer, sku) = (customer(api).await, listed(api, 1, 100).await);
    let mut orders = Vec::new();
    for _ in 0..NOTICES_MAX {
        let placed = order(api, &basket(customer, &[(&sku, 1)], "tok_ok")).await.is(201);
        orders.push(id_of(&placed));
    }
    for order in &orders {
        settle(api, order).await;
        mails(api, order, 1).await;
    }
    api.delete(Program::Order, &format!("/customers/{customer}")).await;
    for order in &orders {
        api.call(Method::POST, Program::Order, &format!("/orders/{order}/cancel")).send().await.is(200);
        let notice = mails(api, order, 2).await.remove(1);
        assert_eq!(notice["kind"], "cancellation");
        if notice["status"] == "failed" {
            return assert_eq!((&notice["message_id"], &notice["sent_at"]), (&Value::Null, &Value::Null));
        }
    }
    panic!("{NOTICES_MAX} notices went to an erased customer");
}
