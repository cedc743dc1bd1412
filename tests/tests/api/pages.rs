//! **Lists**, from page to page: cursors are opaque and URL-safe, `Link: <…>; rel="next"` while there is more, no item twice,
//! none skipped while others are inserted. Orders newest first, products and stock by sku.

use all::launch::Program;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::client::{Answer, Api};
use crate::lists::LISTS;
use crate::shelf::{
    all_listed, basket, customer, id, items, listed, order, orderable, product, settle, sku, time,
};
use crate::stores::{every_day, sentences};

sentences![
    a_page_has_20_items_unless_the_caller_says,
    a_cursor_is_url_safe_and_shows_nothing,
    the_link_leads_to_the_same_page_as_the_cursor_and_keeps_the_filter,
    there_is_a_link_exactly_while_there_is_more,
    orders_are_listed_newest_first,
    products_and_stock_are_listed_by_sku,
    no_order_comes_twice_and_none_is_skipped_while_others_are_placed,
    no_product_comes_twice_and_none_is_skipped_while_others_are_listed,
    no_effect_comes_twice_and_none_is_skipped_while_others_are_made,
    no_mail_comes_twice_and_none_is_skipped_while_others_are_sent,
];

/// More than a page holds when nobody says.
const CROWD: usize = 23;
/// Pages that no list has, also of a store that was used for long.
const PAGES_MAX: usize = 20_000;

/// A customer with more settled orders than a page holds, each of a product of its own; so every list has as many items.
struct Crowd {
    customer: Uuid,
    skus: Vec<String>,
    /// In the order they were placed.
    orders: Vec<String>,
}

async fn crowd(api: &Api) -> &'static Crowd {
    static CROWD_OF_ALL: OnceCell<Crowd> = OnceCell::const_new();
    let gather = async || {
        let customer = customer(api).await;
        let skus = all_listed(api, CROWD, 5).await;
        let mut orders = Vec::new();
        for sku in &skus {
            let placed = order(api, &basket(customer, &[(sku, 1)], "tok_ok")).await.is(201);
            orders.push(placed["order_id"].as_str().unwrap().to_owned());
        }
        for id in &orders {
            settle(api, id).await;
            crate::email::mails(api, id, 1).await;
        }
        Crowd { customer, skus, orders }
    };
    CROWD_OF_ALL.get_or_init(gather).await
}

/// The path and query that `Link` leads to.
#[track_caller]
fn next(answer: &Answer) -> Option<String> {
    let link = answer.headers.get("link")?.to_str().unwrap();
    let target = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
    Some(target.unwrap_or_else(|| panic!("no link to the next page: {link}")).to_owned())
}

/// All items from `path` on, following `Link`; `between` happens before each further page.
async fn walk(api: &Api, program: Program, path: &str, mut between: impl AsyncFnMut(usize)) -> Vec<Value> {
    let (mut all, mut path) = (Vec::new(), path.to_owned());
    for page in 0..PAGES_MAX {
        let answer = api.get(program, &path).await;
        all.extend(items(&answer.is(200)));
        let Some(more) = next(&answer) else { return all };
        path = more;
        between(page).await;
    }
    panic!("the list does not end: {path}")
}

/// Every one of `wanted` is found once under `name`, in this order.
#[track_caller]
fn assert_each_once(found: &[Value], name: &str, wanted: &[String]) {
    let known = found.iter().filter_map(|item| item[name].as_str());
    let known: Vec<&str> = known.filter(|text| wanted.iter().any(|wanted| wanted == text)).collect();
    assert_eq!(known, wanted);
}

async fn a_page_has_20_items_unless_the_caller_says() {
    let api = every_day().await;
    crowd(api).await;
    for (program, list) in LISTS {
        let page = api.get(program, list).await.is(200);
        assert_eq!(items(&page).len(), 20, "{list}");
        for limit in [1, 7, 21] {
            let page = api.get(program, &format!("{list}?limit={limit}")).await.is(200);
            assert_eq!(items(&page).len(), limit, "{list}");
        }
    }
}

async fn a_cursor_is_url_safe_and_shows_nothing() {
    let api = every_day().await;
    crowd(api).await;
    for (program, list) in LISTS {
        let page = api.get(program, &format!("{list}?limit=1")).await.is(200);
        let cursor = page["next_cursor"].as_str().unwrap();
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        assert!(!cursor.is_empty() && cursor.bytes().all(safe), "{cursor}");
        for shown in ["sku", "order_id"].into_iter().filter_map(|name| page["items"][0][name].as_str()) {
            assert!(!cursor.contains(shown), "{cursor} shows {shown}");
        }
    }
}

async fn the_link_leads_to_the_same_page_as_the_cursor_and_keeps_the_filter() {
    let api = every_day().await;
    let crowd = crowd(api).await;
    let path = format!("/orders?customer_id={}&status=confirmed&limit=5", crowd.customer);
    let first = api.get(Program::Order, &path).await;
    let by_link = api.get(Program::Order, &next(&first).unwrap()).await.is(200);
    let cursor = first.is(200)["next_cursor"].as_str().unwrap().to_owned();
    let by_cursor = api.get(Program::Order, &format!("{path}&cursor={cursor}")).await.is(200);
    assert_eq!(by_link, by_cursor);
    let (found, all) = (items(&by_link), &crowd.orders);
    let newest_first: Vec<String> = all.iter().rev().skip(5).take(5).cloned().collect();
    assert_eq!(found.len(), 5);
    assert_each_once(&found, "order_id", &newest_first);
}

async fn there_is_a_link_exactly_while_there_is_more() {
    let api = every_day().await;
    let crowd = crowd(api).await;
    for (limit, has_more) in [(CROWD - 1, true), (CROWD, false), (CROWD + 1, false)] {
        let path = format!("/orders?customer_id={}&limit={limit}", crowd.customer);
        let answer = api.get(Program::Order, &path).await;
        assert_eq!(next(&answer).is_some(), has_more, "{limit}");
        assert_eq!(answer.is(200)["next_cursor"].is_string(), has_more, "{limit}");
    }
    let effects = format!("/ledger?order_id={}&limit=1", crowd.orders[0]);
    let kinds = walk(api, Program::PaymentGateway, &effects, async |_| ()).await;
    assert_eq!(kinds.iter().map(|effect| &effect["kind"]).collect::<Vec<_>>(), ["authorize", "capture"]);
}

async fn orders_are_listed_newest_first() {
    let api = every_day().await;
    let crowd = crowd(api).await;
    let orders = walk(api, Program::Order, "/orders?limit=100", async |_| ()).await;
    let newest_first: Vec<String> = crowd.orders.iter().rev().cloned().collect();
    assert_each_once(&orders, "order_id", &newest_first);
    let of_one = format!("/orders?customer_id={}&limit=4", crowd.customer);
    let times: Vec<_> = walk(api, Program::Order, &of_one, async |_| ()).await;
    let times: Vec<_> = times.iter().map(|order| time(&order["created_at"])).collect();
    assert!(times.len() == CROWD && times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
}

async fn products_and_stock_are_listed_by_sku() {
    let api = every_day().await;
    let mut wanted = crowd(api).await.skus.clone();
    wanted.sort();
    for (program, list) in [(Program::Order, "/products"), (Program::Inventory, "/stock")] {
        let found = walk(api, program, &format!("{list}?limit=100"), async |_| ()).await;
        let skus: Vec<&str> = found.iter().map(|item| item["sku"].as_str().unwrap()).collect();
        assert!(skus.is_sorted_by(|one, other| one < other), "{skus:?}");
        assert_each_once(&found, "sku", &wanted);
    }
}

async fn no_order_comes_twice_and_none_is_skipped_while_others_are_placed() {
    let api = every_day().await;
    let (customer, sku) = (customer(api).await, listed(api, 1, 0).await);
    let basket = basket(customer, &[(&sku, 1)], "tok_ok");
    let mut before = Vec::new();
    for _ in 0..7 {
        before.push(order(api, &basket).await.is(201)["order_id"].as_str().unwrap().to_owned());
    }
    before.reverse();
    let path = format!("/orders?customer_id={customer}&limit=2");
    let place = async |_| drop(order(api, &basket).await.is(201));
    assert_each_once(&walk(api, Program::Order, &path, place).await, "order_id", &before);
}

async fn no_product_comes_twice_and_none_is_skipped_while_others_are_listed() {
    let api = every_day().await;
    let mut wanted = crowd(api).await.skus.clone();
    wanted.sort();
    // Before, between and behind those that were there: a sku made of a later id is greater.
    let list = async |page: usize| {
        let sku = if page.is_multiple_of(2) { format!("A-{}", id().simple()) } else { sku() };
        if page < 6 {
            api.put(Program::Inventory, &format!("/products/{sku}"), &product(1, "EUR")).await.is(201);
            orderable(api, &sku).await;
        }
    };
    for (program, path) in [(Program::Inventory, "/stock?limit=9"), (Program::Order, "/products?limit=9")] {
        assert_each_once(&walk(api, program, path, list).await, "sku", &wanted);
    }
}

async fn no_effect_comes_twice_and_none_is_skipped_while_others_are_made() {
    let api = every_day().await;
    let orders = &crowd(api).await.orders;
    let authorize = async |page: usize| {
        if page < 6 {
            let amount = json!({"amount_minor": 1, "currency": "EUR"});
            let body = json!({"order_id": id(), "amount": amount, "payment_token": "tok_ok"});
            let call = api.call(Method::POST, Program::PaymentGateway, "/authorize").json(&body);
            call.header("idempotency-key", id().to_string()).send().await.is(200);
        }
    };
    let found = walk(api, Program::PaymentGateway, "/ledger?limit=9", authorize).await;
    for id in orders {
        let kinds = found.iter().filter(|effect| effect["order_id"] == **id).map(|effect| &effect["kind"]);
        assert_eq!(kinds.collect::<Vec<_>>(), ["authorize", "capture"], "{id}");
    }
}

async fn no_mail_comes_twice_and_none_is_skipped_while_others_are_sent() {
    let api = every_day().await;
    let crowd = crowd(api).await;
    // Not the crowd's: others look at the orders of that one meanwhile.
    let customer = customer(api).await;
    let place = async |page: usize| {
        if page < 6 {
            let basket = basket(customer, &[(&crowd.skus[0], 1)], "tok_declined");
            let placed = order(api, &basket).await.is(201)["order_id"].as_str().unwrap().to_owned();
            crate::email::mails(api, &placed, 1).await;
        }
    };
    let found = walk(api, Program::Email, "/emails?limit=9", place).await;
    let newest_first: Vec<String> = crowd.orders.iter().rev().cloned().collect();
    assert_each_once(&found, "order_id", &newest_first);
}
