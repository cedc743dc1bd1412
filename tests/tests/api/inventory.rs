//! **inventory**: products, receipts, stock and reservations.

use all::launch::Program;
use serde_json::{Value, json};
use testkit::until;

use crate::client::{Answer, Api};
use crate::shelf::{
    WITHIN, assert_members, basket, customer, id, id_of, listed, order, placed, product, settle, sku,
};
use crate::stores::{every_day, sentences, stuck};

sentences![
    a_new_product_is_201_and_a_known_one_200_each_with_the_product,
    a_sku_is_1_to_64_letters_digits_dots_dashes_and_underscores,
    a_name_has_1_to_200_characters,
    a_currency_is_three_capital_letters,
    a_price_is_0_to_the_greatest_i64,
    a_receipt_is_201_the_first_time_and_200_the_same_again,
    a_receipt_with_the_id_of_another_is_409,
    a_receipt_has_1_to_1000000000_pieces,
    a_receipt_is_visible_in_the_stock_when_it_is_answered,
    receipts_at_once_are_all_booked_and_each_once,
    stock_is_zeros_without_a_receipt,
    stock_is_set_aside_for_an_order_and_sold_with_it: own_store,
    a_reservation_has_the_status_and_the_lines_of_its_order: own_store,
];

async fn put(api: &Api, sku: &str, body: &Value) -> Answer {
    api.put(Program::Inventory, &format!("/products/{sku}"), body).await
}

async fn receive(api: &Api, sku: &str, receipt: impl Into<Value>, quantity: i64) -> Answer {
    let body = json!({"receipt_id": receipt.into(), "quantity": quantity});
    api.post(Program::Inventory, &format!("/stock/{sku}/receipts"), &body).await
}

async fn stock(api: &Api, sku: &str) -> [i64; 3] {
    let stock = api.get(Program::Inventory, &format!("/stock/{sku}")).await.is(200);
    assert_members(&stock, &["sku", "name", "on_hand", "reserved", "available"]);
    assert_eq!((&stock["sku"], &stock["name"]), (&json!(sku), &json!("Tea")));
    ["on_hand", "reserved", "available"].map(|member| stock[member].as_i64().unwrap())
}

async fn a_new_product_is_201_and_a_known_one_200_each_with_the_product() {
    let api = every_day().await;
    let sku = sku();
    for (amount, currency, status) in
        [(1_299, "EUR", 201), (1_299, "EUR", 200), (1_399, "EUR", 200), (5, "JPY", 200)]
    {
        let body = product(amount, currency);
        let view = json!({"sku": sku, "name": body["name"], "unit_price": body["unit_price"]});
        assert_eq!(put(api, &sku, &body).await.is(status), view);
    }
}

async fn a_sku_is_1_to_64_letters_digits_dots_dashes_and_underscores() {
    let api = every_day().await;
    let mark = id().simple().to_string();
    for good in
        [format!("AZaz09._-{mark}"), format!("{mark}{}", "x".repeat(64 - mark.len())), format!("-{mark}.")]
    {
        assert_eq!(put(api, &good, &product(1, "EUR")).await.is(201)["sku"], good);
    }
    for bad in ["%20", "a%20b", "a%2Fb", "a+b", "a,b", "a'b", "ä", "%00", "%f0%9f%8d%b5", &"x".repeat(65)] {
        put(api, bad, &product(1, "EUR")).await.refuses(400, "bad-path", "/sku");
        receive(api, bad, id().to_string(), 1).await.refuses(400, "bad-path", "/sku");
    }
    let (lower, upper) = (format!("a{mark}"), format!("A{mark}"));
    put(api, &lower, &product(1, "EUR")).await.is(201);
    put(api, &upper, &product(1, "EUR")).await.is(201);
}

async fn a_name_has_1_to_200_characters() {
    let api = every_day().await;
    let named = |name: &str| json!({"name": name, "unit_price": {"amount_minor": 1, "currency": "EUR"}});
    for good in ["T", "Tee \"Earl Grey\" <ß> 茶 🍵", &"ä".repeat(200)] {
        assert_eq!(put(api, &sku(), &named(good)).await.is(201)["name"], good);
    }
    for bad in ["", " ", "a\0b", "a\nb", "\u{9b}", &"ä".repeat(201)] {
        put(api, &sku(), &named(bad)).await.refuses(422, "invalid-input", "/name");
    }
}

async fn a_currency_is_three_capital_letters() {
    let api = every_day().await;
    for bad in ["", "eur", "EU", "EURO", "E R", "E1R", "ÄÖÜ", "EUR ", "€", "EU\0"] {
        put(api, &sku(), &product(1, bad)).await.refuses(422, "invalid-input", "/unit_price/currency");
    }
    for good in ["EUR", "USD", "XTS"] {
        put(api, &sku(), &product(1, good)).await.is(201);
    }
}

async fn a_price_is_0_to_the_greatest_i64() {
    let api = every_day().await;
    for good in [0, 1, i64::MAX] {
        let listed = put(api, &sku(), &product(good, "EUR")).await.is(201);
        assert_eq!(listed["unit_price"]["amount_minor"], good);
    }
    for bad in [
        json!(-1),
        json!(i64::MIN),
        json!(9_223_372_036_854_775_808_u64),
        json!(1.5),
        json!("1"),
        json!(null),
    ] {
        let body = json!({"name": "Tea", "unit_price": {"amount_minor": bad, "currency": "EUR"}});
        put(api, &sku(), &body).await.refuses(422, "invalid-input", "/unit_price/amount_minor");
    }
}

async fn a_receipt_is_201_the_first_time_and_200_the_same_again() {
    let api = every_day().await;
    let (sku, receipt) = (listed(api, 1, 0).await, id().to_string());
    let first = receive(api, &sku, receipt.as_str(), 7).await.is(201);
    assert_members(&first, &["receipt_id", "sku", "quantity", "received_at"]);
    assert_eq!(
        (&first["receipt_id"], &first["sku"], &first["quantity"]),
        (&json!(receipt), &json!(sku), &json!(7))
    );
    crate::shelf::time(&first["received_at"]);
    for again in [receipt.clone(), receipt.to_uppercase()] {
        assert_eq!(receive(api, &sku, again, 7).await.is(200), first);
    }
    assert_eq!(stock(api, &sku).await, [7, 0, 7]);
}

async fn a_receipt_with_the_id_of_another_is_409() {
    let api = every_day().await;
    let (sku, other, receipt) = (listed(api, 1, 0).await, listed(api, 1, 0).await, id().to_string());
    receive(api, &sku, receipt.as_str(), 7).await.is(201);
    for (sku, quantity) in [(&sku, 8), (&other, 7)] {
        let answer = receive(api, sku, receipt.as_str(), quantity).await;
        assert!(answer.refused(409, "receipt-taken").is_empty());
        assert!(answer.text.contains(&receipt), "names the value: {answer:?}");
    }
    assert_eq!((stock(api, &sku).await, stock(api, &other).await), ([7, 0, 7], [0, 0, 0]));
}

async fn a_receipt_has_1_to_1000000000_pieces() {
    let api = every_day().await;
    let sku = listed(api, 1, 0).await;
    for bad in [0, -1, 1_000_000_001, i64::MAX, i64::MIN] {
        let answer = receive(api, &sku, id().to_string(), bad).await;
        answer.refuses(422, "invalid-input", "/quantity");
        assert!(answer.text.contains(&format!("got {bad}")), "{answer:?}");
    }
    assert_eq!(stock(api, &sku).await, [0, 0, 0]);
    for good in [1, 1_000_000_000, 1_000_000_000, 1_000_000_000] {
        receive(api, &sku, id().to_string(), good).await.is(201);
    }
    assert_eq!(stock(api, &sku).await, [3_000_000_001, 0, 3_000_000_001]);
}

async fn a_receipt_is_visible_in_the_stock_when_it_is_answered() {
    let api = every_day().await;
    let sku = listed(api, 1, 0).await;
    for pieces in 1..=20 {
        receive(api, &sku, id().to_string(), 1).await.is(201);
        assert_eq!(stock(api, &sku).await, [pieces, 0, pieces]);
    }
}

async fn receipts_at_once_are_all_booked_and_each_once() {
    let api = every_day().await;
    let sku = listed(api, 1, 0).await;
    let receipts: Vec<String> = (0..3).map(|_| id().to_string()).collect();
    let calls =
        receipts.iter().chain(&receipts).chain(&receipts).map(|id| receive(api, &sku, id.as_str(), 2));
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 6);
    assert_eq!(stock(api, &sku).await, [6, 0, 6]);
}

async fn stock_is_zeros_without_a_receipt() {
    let api = every_day().await;
    assert_eq!(stock(api, &listed(api, 1, 0).await).await, [0, 0, 0]);
}

async fn stock_is_set_aside_for_an_order_and_sold_with_it() {
    // Where payment does not answer, stock stays set aside.
    let api = stuck().await;
    let (customer, sku) = (customer(api).await, listed(api, 1, 10).await);
    order(api, &basket(customer, &[(&sku, 4)], "tok_ok")).await.is(201);
    until("4 pieces are set aside", WITHIN, || async {
        let stock = stock(api, &sku).await;
        if stock == [10, 4, 6] { Ok(()) } else { Err(format!("{stock:?}")) }
    })
    .await;
    let api = every_day().await;
    let (customer, sku) = (crate::shelf::customer(api).await, listed(api, 1, 10).await);
    let placed = order(api, &basket(customer, &[(&sku, 4)], "tok_ok")).await.is(201);
    settle(api, &id_of(&placed)).await;
    assert_eq!(stock(api, &sku).await, [6, 0, 6]);
}

async fn a_reservation_has_the_status_and_the_lines_of_its_order() {
    let api = every_day().await;
    let (customer, sku) = (customer(api).await, listed(api, 1, 3).await);
    for (quantity, token, status, lines) in [
        (4, "tok_ok", "rejected", json!([])),
        (3, "tok_declined", "released", json!([{"sku": sku, "quantity": 3}])),
        (3, "tok_ok", "committed", json!([{"sku": sku, "quantity": 3}])),
    ] {
        let placed = order(api, &basket(customer, &[(&sku, quantity)], token)).await.is(201);
        let id = id_of(&placed);
        let order = settle(api, &id).await;
        let reservation = api.get(Program::Inventory, &format!("/reservations/{id}")).await.is(200);
        assert_eq!(reservation, json!({"order_id": id, "status": status, "lines": lines}));
        assert_eq!(reservation["status"], order["progress"]["stock"]);
    }
    let api = stuck().await;
    let id = placed(api, "tok_ok").await;
    until("the order's stock is reserved", WITHIN, || async {
        let answer = api.get(Program::Inventory, &format!("/reservations/{id}")).await;
        if answer.status == 200 && answer.json()["status"] == "reserved" { Ok(()) } else { Err(answer.text) }
    })
    .await;
}
