//! **order**: what becomes of an order, by the members `status`, `reason`, `progress` and `settled`.

use all::launch::Program;
use serde_json::{Value, json};

use crate::shelf::{basket, customer, decide, id_of, listed, order, placed, seen, settle, settled, time};
use crate::stores::{every_day, sentences, stuck};

sentences![
    an_order_that_is_paid_and_in_stock_is_confirmed_and_settled,
    an_order_that_is_out_of_stock_is_cancelled,
    an_order_whose_payment_is_declined_is_cancelled,
    an_order_whose_capture_fails_is_cancelled_after_it_was_confirmed,
    an_order_that_is_out_of_stock_and_declined_has_one_reason,
    a_free_order_is_an_order,
    an_order_that_stays_pending_is_cancelled_when_its_deadline_has_passed: own_store,
    times_go_forward_and_the_order_stays_what_it_was,
];

#[track_caller]
fn assert_end(order: &Value, status: &str, reason: Option<&str>, stock: &str, payment: &str) {
    assert_eq!((&order["status"], &order["reason"]), (&json!(status), &json!(reason)), "{order}");
    assert_eq!(order["progress"], json!({"stock": stock, "payment": payment}), "{order}");
    assert_eq!(order["settled"], true);
}

async fn an_order_that_is_paid_and_in_stock_is_confirmed_and_settled() {
    let api = every_day().await;
    assert_end(&settled(api, "tok_ok").await, "confirmed", None, "committed", "captured");
}

async fn an_order_that_is_out_of_stock_is_cancelled() {
    let api = every_day().await;
    let (customer, sku) = (customer(api).await, listed(api, 350, 1).await);
    let placed = order(api, &basket(customer, &[(&sku, 2)], "tok_ok")).await.is(201);
    let order = settle(api, &id_of(&placed)).await;
    assert_end(&order, "cancelled", Some("out_of_stock"), "rejected", "voided");
}

async fn an_order_whose_payment_is_declined_is_cancelled() {
    let api = every_day().await;
    for token in ["tok_declined", "tok_insufficient_funds", "a token nobody knows"] {
        let order = settled(api, token).await;
        assert_end(&order, "cancelled", Some("payment_declined"), "released", "declined");
    }
}

async fn an_order_whose_capture_fails_is_cancelled_after_it_was_confirmed() {
    let api = every_day().await;
    let order = settled(api, "tok_capture_fails").await;
    assert_end(&order, "cancelled", Some("capture_failed"), "released", "voided");
}

async fn an_order_that_is_out_of_stock_and_declined_has_one_reason() {
    let api = every_day().await;
    let (customer, sku) = (customer(api).await, listed(api, 350, 0).await);
    let placed = order(api, &basket(customer, &[(&sku, 1)], "tok_declined")).await.is(201);
    let order = settle(api, &id_of(&placed)).await;
    // Whichever reply comes first decides; the other may hear of the end before it has answered.
    let reason = order["reason"].as_str().unwrap();
    let stock = order["progress"]["stock"].as_str().unwrap();
    let payment = order["progress"]["payment"].as_str().unwrap();
    match reason {
        "out_of_stock" => {
            assert!(stock == "rejected" && ["declined", "voided"].contains(&payment), "{order}");
        }
        "payment_declined" => {
            assert!(payment == "declined" && ["rejected", "released"].contains(&stock), "{order}");
        }
        other => panic!("{other}: {order}"),
    }
    assert_end(&order, "cancelled", Some(reason), stock, payment);
}

async fn a_free_order_is_an_order() {
    let api = every_day().await;
    let (customer, sku) = (customer(api).await, listed(api, 0, 3).await);
    let placed = order(api, &basket(customer, &[(&sku, 3)], "tok_ok")).await.is(201);
    let order = settle(api, &id_of(&placed)).await;
    assert_end(&order, "confirmed", None, "committed", "captured");
}

async fn an_order_that_stays_pending_is_cancelled_when_its_deadline_has_passed() {
    let api = stuck().await;
    let id = placed(api, "tok_ok").await;
    let order = decide(api, &id).await;
    assert_eq!((&order["status"], &order["reason"]), (&json!("cancelled"), &json!("timed_out")), "{order}");
    assert_eq!(
        (&order["settled"], &order["progress"]["payment"]),
        (&json!(false), &json!("pending")),
        "{order}"
    );
    assert!(time(&order["updated_at"]) >= time(&order["deadline_at"]), "{order}");
}

async fn times_go_forward_and_the_order_stays_what_it_was() {
    let api = every_day().await;
    let id = placed(api, "tok_ok").await;
    let (first, decided) = (seen(api, &id).await, decide(api, &id).await);
    let settled = settle(api, &id).await;
    for later in [&decided, &settled] {
        for member in ["order_id", "customer_id", "lines", "total", "created_at", "deadline_at"] {
            assert_eq!(later[member], first[member], "{member}");
        }
        assert!(time(&later["updated_at"]) > time(&later["created_at"]), "{later}");
    }
    assert!(time(&settled["updated_at"]) >= time(&decided["updated_at"]));
    let path = format!("/orders?customer_id={}", settled["customer_id"].as_str().unwrap());
    let listed = api.get(Program::Order, &path).await.is(200);
    assert_eq!(listed["items"], json!([settled]), "lists have the whole order too");
}
