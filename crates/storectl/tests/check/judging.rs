//! What is found in a store that answers.

use serde_json::{Value, json};

use crate::fake::{Fake, SOLD, order, page, said};

/// Another order.
const OPEN: &str = "00000000-0000-7000-8000-000000000002";

fn drop_capture(ledger: &mut Value) {
    ledger["items"].as_array_mut().unwrap().pop();
}

#[tokio::test]
async fn a_store_in_order_is_told_in_a_few_lines_and_exits_with_0() {
    let output = Fake::in_order().check(&[]).await;
    let (told, error) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}{error}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "looked at: orders 1, skus 1, payments 1, ledger entries 2, mails 1");
    assert_eq!(lines[1..3], ["in order: no violation", "under way: nothing"]);
    assert!(lines[3].starts_with("not looked at: whether on hand + sold is what was received"), "{told}");
}

#[tokio::test]
async fn money_that_was_never_taken_is_told_in_a_sentence_with_its_events_and_exits_with_1() {
    let mut fake = Fake::in_order();
    fake.tamper("/gateway/ledger", drop_capture);
    let output = fake.check(&[]).await;
    let (told, error) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}{error}");
    let sentence = format!(
        "  order {SOLD}: expected authorized and captured once, found authorize 100 EUR; \
         events involved: PaymentCaptured by billing after OrderConfirmed"
    );
    assert!(told.lines().any(|line| line == sentence), "{told}");
    assert!(told.contains("violations: 1\n"), "{told}");
}

#[tokio::test]
async fn a_piece_that_is_set_aside_for_nobody_is_told_with_its_sku() {
    let mut fake = Fake::in_order();
    fake.tamper("/inventory/stock", |stock| stock["items"][0]["reserved"] = json!(1));
    let output = fake.check(&["--quick"]).await;
    let (told, _) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("  sku lamp: expected 0 reserved, as the orders say, found 1 reserved;"), "{told}");
}

#[tokio::test]
async fn tools_get_one_document() {
    let mut fake = Fake::in_order();
    fake.tamper("/gateway/ledger", drop_capture);
    let output = fake.check(&["--json"]).await;
    let (told, _) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let document: Value = serde_json::from_str(&told).unwrap();
    let violation = &document["violations"][0];
    assert_eq!(document["in_order"], false);
    let looked_at = json!({ "orders": 1, "skus": 1, "payments": 1, "ledger_entries": 1, "mails": 1 });
    assert_eq!(document["looked_at"], looked_at);
    assert_eq!((&violation["rule"], &violation["order_id"]), (&json!("money"), &json!(SOLD)));
    let events =
        json!([{ "one_of": ["PaymentCaptured"], "service": "billing", "after": ["OrderConfirmed"] }]);
    assert_eq!((&violation["sku"], &violation["events"]), (&Value::Null, &events));
    assert_eq!(document["under_way"], json!({ "count": 0, "first": [] }));
}

#[tokio::test]
async fn an_order_under_way_is_named_and_is_no_violation() {
    let mut open = order(OPEN);
    (open["status"], open["settled"]) = (json!("pending"), json!(false));
    open["progress"] = json!({ "stock": "reserved", "payment": "pending" });
    let mut fake = Fake::in_order();
    fake.answer("/order/orders", &page(&[open, order(SOLD)]));
    fake.tamper("/inventory/stock", |stock| stock["items"][0]["reserved"] = json!(2));
    let output = fake.check(&[]).await;
    let (told, error) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}{error}");
    assert!(told.contains("under way, and not judged: 1;"), "{told}");
    let sentence = format!("  order {OPEN} is pending and not settled: stock reserved, payment pending\n");
    assert!(told.contains(&sentence), "{told}");
    assert!(
        told.contains("not looked at: how much is reserved of skus that orders under way name: 1\n"),
        "{told}"
    );
}

#[tokio::test]
async fn services_that_disagree_are_found_by_asking_each_and_not_by_a_quick_look() {
    let disagreeing = || {
        let mut fake = Fake::in_order();
        fake.tamper(&format!("/billing/payments/{SOLD}"), |payment| payment["status"] = json!("refunded"));
        fake
    };
    let output = disagreeing().check(&[]).await;
    let (told, _) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("expected payment captured, as the order says, found refunded"), "{told}");

    let output = disagreeing().check(&["--quick"]).await;
    let (told, _) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("not looked at: whether order, inventory and billing tell the same"), "{told}");
}
