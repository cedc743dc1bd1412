//! **Lists** are `{"items":[…],"next_cursor":null}`: `limit` 1–100, default 20; what is outside of it, a bad cursor or an
//! unknown value is 400. An order nobody has heard of has empty lists.

use all::launch::Program;
use serde_json::{Value, json};

use crate::shelf::{basket, customer, id, items, listed, order, placed, settle};
use crate::stores::{every_day, sentences};

sentences![
    a_limit_outside_of_1_to_100_is_400,
    a_bad_cursor_is_400,
    an_unknown_or_repeated_filter_value_is_400,
    an_empty_list_has_no_items_and_no_next_page,
    orders_are_filtered_by_customer_and_status,
    mails_and_effects_are_filtered_by_order,
];

/// Every list there is.
pub const LISTS: [(Program, &str); 5] = [
    (Program::Order, "/orders"),
    (Program::Order, "/products"),
    (Program::Inventory, "/stock"),
    (Program::Email, "/emails"),
    (Program::PaymentGateway, "/ledger"),
];

async fn a_limit_outside_of_1_to_100_is_400() {
    let api = every_day().await;
    for (program, list) in LISTS {
        for bad in ["0", "101", "-1", "%2B5", "ten", "", "1.0", "1e1", "%00", "99999999999999999999", "5%20"]
        {
            api.get(program, &format!("{list}?limit={bad}")).await.refuses(400, "bad-query", "/limit");
        }
        api.get(program, &format!("{list}?limit=1&limit=1")).await.refuses(400, "bad-query", "/limit");
        for good in ["1", "20", "100"] {
            let page = api.get(program, &format!("{list}?limit={good}")).await.is(200);
            assert!(items(&page).len() <= good.parse().unwrap(), "{page}");
        }
        let problem = api.get(program, &format!("{list}?limit=101")).await.json();
        assert!(problem["detail"].as_str().unwrap().contains("101"), "{problem}");
    }
}

async fn a_bad_cursor_is_400() {
    let api = every_day().await;
    // The last three are base64 of `null`, of `[]` and of `{"a":1}`.
    let bad = ["x", "", "!!!", "%00", "%ff", "a%20b", &"A".repeat(2_000), "bnVsbA", "W10", "eyJhIjoxfQ"];
    for (program, list) in LISTS {
        for cursor in bad {
            api.get(program, &format!("{list}?cursor={cursor}")).await.refuses(400, "bad-query", "/cursor");
        }
        api.get(program, &format!("{list}?cursor=W10&cursor=W10")).await.refuses(400, "bad-query", "/cursor");
    }
}

async fn an_unknown_or_repeated_filter_value_is_400() {
    let api = every_day().await;
    let id = id();
    for (program, list, name, bad) in [
        (Program::Order, "/orders", "status", "shipped"),
        (Program::Order, "/orders", "status", "Pending"),
        (Program::Order, "/orders", "status", ""),
        (Program::Order, "/orders", "customer_id", "17"),
        (Program::Order, "/orders", "customer_id", ""),
        (Program::Email, "/emails", "order_id", "17"),
        (Program::Email, "/emails", "order_id", "%00"),
        (Program::PaymentGateway, "/ledger", "order_id", "17"),
        (Program::PaymentGateway, "/ledger", "order_id", "%ff"),
    ] {
        let answer = api.get(program, &format!("{list}?{name}={bad}")).await;
        answer.refuses(400, "bad-query", &format!("/{name}"));
    }
    for (program, query, name) in [
        (Program::Order, "/orders?status=pending&status=confirmed".to_owned(), "/status"),
        (Program::Order, format!("/orders?customer_id={id}&customer_id={id}"), "/customer_id"),
        (Program::Email, format!("/emails?order_id={id}&order_id={id}"), "/order_id"),
        (Program::PaymentGateway, format!("/ledger?order_id={id}&order_id={id}"), "/order_id"),
    ] {
        api.get(program, &query).await.refuses(400, "bad-query", name);
    }
}

async fn an_empty_list_has_no_items_and_no_next_page() {
    let api = every_day().await;
    let id = id();
    for (program, query) in [
        (Program::Email, format!("/emails?order_id={id}")),
        (Program::PaymentGateway, format!("/ledger?order_id={id}")),
        (Program::Order, format!("/orders?customer_id={id}")),
        (Program::Order, format!("/orders?customer_id={id}&status=cancelled&limit=1")),
    ] {
        let answer = api.get(program, &query).await;
        assert_eq!(answer.is(200), json!({"items": [], "next_cursor": null}));
        assert_eq!(answer.header("link"), "");
    }
}

async fn orders_are_filtered_by_customer_and_status() {
    let api = every_day().await;
    let (ada, sku) = (customer(api).await, listed(api, 350, 10).await);
    let mut placed = Vec::new();
    for token in ["tok_ok", "tok_declined", "tok_ok"] {
        let order = order(api, &basket(ada, &[(&sku, 1)], token)).await.is(201);
        placed.push(order["order_id"].clone());
    }
    for id in &placed {
        settle(api, id.as_str().unwrap()).await;
    }
    let found = async |query: &str| {
        let page = api.get(Program::Order, &format!("/orders?customer_id={ada}{query}")).await.is(200);
        items(&page).iter().map(|order| order["order_id"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(found("").await, [placed[2].clone(), placed[1].clone(), placed[0].clone()], "newest first");
    assert_eq!(found("&status=confirmed").await, [placed[2].clone(), placed[0].clone()]);
    assert_eq!(found("&status=cancelled").await, [placed[1].clone()]);
    assert!(found("&status=pending").await.is_empty());
    let cancelled = api.get(Program::Order, "/orders?status=cancelled&limit=100").await.is(200);
    assert!(items(&cancelled).iter().all(|order| order["status"] == "cancelled"), "{cancelled}");
}

async fn mails_and_effects_are_filtered_by_order() {
    let api = every_day().await;
    let (one, other) = (placed(api, "tok_ok").await, placed(api, "tok_ok").await);
    for id in [&one, &other] {
        settle(api, id).await;
        let effects =
            api.get(Program::PaymentGateway, &format!("/ledger?order_id={id}&limit=100")).await.is(200);
        let effects = items(&effects);
        assert_eq!(effects.len(), 2, "{effects:?}");
        assert!(effects.iter().all(|effect| effect["order_id"] == **id), "{effects:?}");
        let mails = crate::email::mails(api, id, 1).await;
        assert!(mails.iter().all(|mail| mail["order_id"] == **id), "{mails:?}");
    }
}
