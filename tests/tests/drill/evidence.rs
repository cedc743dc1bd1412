//! What tells, beside the invariants, that nothing was lost or done twice.

use std::collections::{BTreeMap, BTreeSet};

use invariants::{Depth, Order, Snapshot, collect};
use serde_json::Value;
use storectl::Program;
use system_tests::{Visit, compose};

use crate::placing::ORDERS;

/// Mails looked at, the newest: more than a drill sends, repeats included.
const MAILS_MAX: usize = 1_000;
const MAILPIT_PORT: u16 = 8025;

/// The customer has these orders and no other: what was asked for again with the same key is one order.
pub async fn each_is_there_once(visit: &Visit, accepted: &[String]) {
    let path = format!("/orders?customer_id={}&limit={ORDERS}", visit.customer);
    let page = visit.client.get(Program::Order, &path).await.unwrap();
    assert!(page["next_cursor"].is_null(), "there are more than {ORDERS} orders");
    let mut there: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|order| order["order_id"].as_str().unwrap()).collect();
    let mut accepted: Vec<&str> = accepted.iter().map(String::as_str).collect();
    there.sort_unstable();
    accepted.sort_unstable();
    assert_eq!(there, accepted);
}

/// What the email service says it sent is in the mailbox.
pub async fn every_mail_arrived(end: &Snapshot) {
    let url = compose::url("mailpit", MAILPIT_PORT).await.unwrap();
    let newest = format!("{url}/api/v1/messages?limit={MAILS_MAX}");
    let mailbox: Value = reqwest::get(newest).await.unwrap().json().await.unwrap();
    let mails = mailbox["messages"].as_array().unwrap();
    let arrived: BTreeSet<&str> = mails.iter().map(|mail| mail["MessageID"].as_str().unwrap()).collect();
    let sent: BTreeSet<&str> = end.mails.iter().filter_map(|mail| mail.message_id.as_deref()).collect();
    let lost: Vec<&&str> = sent.difference(&arrived).collect();
    assert!(lost.is_empty(), "sent, and not in the mailbox: {lost:?}");
}

/// All orders of the store, whoever placed them.
pub async fn every_order(visit: &Visit) -> Vec<Order> {
    let http = reqwest::Client::new();
    collect(&http, &visit.client.addresses(), BTreeMap::new(), Depth::Lists).await.unwrap().orders
}
