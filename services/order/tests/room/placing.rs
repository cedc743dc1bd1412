use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use events::Channel;
use kernel::clock::SystemIds;
use kernel::{Ids as _, OrderId};
use order::store::idempotency;
use serde_json::{Value, json};
use testkit::{until, wait::expect};

use crate::samples::listed;
use crate::support::{Room, basket};

#[tokio::test]
async fn an_order_is_priced_answered_whole_readable_at_once_and_in_the_outbox() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let answer = room.post("/orders", &basket(customer, "TEA").to_string(), &[]).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let order = answer.json();
    let id: OrderId = order["order_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(answer.headers["location"], format!("/orders/{id}"));
    assert!(!answer.headers.contains_key("idempotent-replayed"));
    let now = room.now().to_string();
    let expected = json!({
        "order_id": id, "customer_id": customer, "status": "pending", "reason": null,
        "lines": [{"sku": "TEA", "quantity": 2, "unit_price": {"amount_minor": 350, "currency": "EUR"}}],
        "total": {"amount_minor": 700, "currency": "EUR"},
        "progress": {"stock": "pending", "payment": "pending"}, "settled": false,
        "created_at": now, "updated_at": now, "deadline_at": room.now().plus(Duration::from_mins(10)).to_string(),
    });
    assert_eq!(order, expected);
    assert_eq!(room.see(id).await, expected);
    assert_eq!(room.published(id).await, [("OrderCreated".to_owned(), 1)]);
    let created = room.created(id).await;
    assert_eq!((created.payment_token.expose(), created.total.amount_minor()), ("tok_ok", 700));
    room.close().await;
}

#[tokio::test]
async fn where_an_order_comes_from_is_told_by_its_event_and_need_not_be_said() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    for (said, told) in
        [(json!("app"), Channel::App), (json!("shop"), Channel::Shop), (Value::Null, Channel::Unknown)]
    {
        let mut body = basket(customer, "TEA");
        body["channel"] = said;
        let answer = room.post("/orders", &body.to_string(), &[]).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let id: OrderId = answer.json()["order_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(room.created(id).await.channel, told);
    }
    for wrong in ["unknown", "fax"] {
        let mut body = basket(customer, "TEA");
        body["channel"] = json!(wrong);
        assert_eq!(refused(&room, body).await, ["/channel"]);
    }
    room.close().await;
}

#[tokio::test]
async fn an_order_keeps_the_price_of_the_moment_it_was_placed() {
    let room = Room::open().await;
    let id = room.order().await;
    room.deliver(2, &listed("TEA", 999, "EUR", room.now())).await;
    assert_eq!(room.see(id).await["total"]["amount_minor"], 700);
    room.close().await;
}

async fn refused(room: &Room, body: Value) -> Vec<String> {
    let answer = room.post("/orders", &body.to_string(), &[("idempotency-key", "refused")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.text);
    assert!(!answer.text.contains("tok_"), "a token is not repeated: {}", answer.text);
    answer.problem().1
}

#[tokio::test]
async fn a_basket_that_breaks_a_rule_is_refused_naming_it_and_uses_no_key_up() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    room.product("GIN", 350, "USD").await;
    room.product("GEM", i64::MAX, "EUR").await;
    let with = |lines: Value| json!({"customer_id": customer, "lines": lines, "payment_token": "tok_ok"});
    let line = |sku: &str, quantity: i64| json!({"sku": sku, "quantity": quantity});
    let stranger = SystemIds.next();
    let many: Vec<Value> = (0..101).map(|n| line(&format!("S{n}"), 1)).collect();
    for (body, pointers) in [
        (basket(stranger, "TEA"), vec!["/customer_id"]),
        (with(json!([])), vec!["/lines"]),
        (with(json!([line("TEA", 1), line("TEA", 1)])), vec!["/lines/1/sku"]),
        (with(json!([line("TEA", 1), line("NIL", 1)])), vec!["/lines/1/sku"]),
        (with(json!([line("TEA", 1), line("GIN", 1)])), vec!["/lines/1/sku"]),
        (with(json!([line("GEM", 2)])), vec!["/lines"]),
        (with(json!([line("GEM", 1), line("TEA", 1)])), vec!["/lines"]),
        (with(json!([line("TEA", 0)])), vec!["/lines/0/quantity"]),
        (with(json!([line("TEA", 10_001)])), vec!["/lines/0/quantity"]),
        (with(json!([line("T A", 1)])), vec!["/lines/0/sku"]),
        (with(json!([{"sku": "TEA", "quantity": "1"}])), vec!["/lines/0/quantity"]),
        (with(json!([{"sku": "TEA", "quantity": 1, "unit_price": 1}])), vec!["/lines/0/unit_price"]),
        (json!({"customer_id": customer, "lines": [line("TEA", 1)]}), vec!["/payment_token"]),
        (
            json!({"customer_id": customer, "lines": [line("TEA", 1)], "payment_token": ""}),
            vec!["/payment_token"],
        ),
        (
            json!({"customer_id": customer, "lines": [line("TEA", 1)], "payment_token": "tok_\n"}),
            vec!["/payment_token"],
        ),
        (
            json!({"customer_id": customer, "lines": [line("TEA", 1)], "payment_token": "tok_".repeat(51)}),
            vec!["/payment_token"],
        ),
        (json!({"customer_id": "x", "lines": [line("TEA", 1)], "payment_token": "t"}), vec!["/customer_id"]),
        (
            json!({"customer_id": customer, "lines": [line("TEA", 1)], "payment_token": "t", "total": 1}),
            vec!["/total"],
        ),
    ] {
        assert_eq!(refused(&room, body.clone()).await, pointers, "{body}");
    }
    assert!(refused(&room, with(json!(many))).await.contains(&"/lines".to_owned()));
    let stored = "SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM order_changes) + (SELECT count(*) FROM idempotency)
                  + (SELECT count(*) FROM messaging.outbox WHERE topic = 'orders')";
    assert_eq!(room.count(stored).await, 0);
    let accepted =
        room.post("/orders", &basket(customer, "TEA").to_string(), &[("idempotency-key", "refused")]).await;
    assert_eq!(accepted.status, StatusCode::CREATED, "the key is free after refusals");
    room.close().await;
}

#[tokio::test]
async fn a_repeat_with_the_same_key_and_body_gets_the_first_answer_and_places_nothing() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let key = [("idempotency-key", "k-1")];
    let first = room.post("/orders", &basket(customer, "TEA").to_string(), &key).await;
    let id: OrderId = first.json()["order_id"].as_str().unwrap().parse().unwrap();
    room.cancel(id).await;
    room.deliver(2, &listed("TEA", 999, "EUR", room.now())).await;
    let reordered = format!(
        "{{ \"payment_token\":\"tok_ok\",\n\"lines\":[{{\"quantity\":2,\"sku\":\"TEA\"}}],\"customer_id\":\"{}\"}}",
        customer.to_string().to_uppercase()
    );
    let again = room.post("/orders", &reordered, &key).await;
    assert_eq!((again.status, &again.text), (StatusCode::CREATED, &first.text));
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.headers["content-type"], first.headers["content-type"]);
    assert_eq!(room.count("SELECT count(*) FROM orders").await, 1);
    room.close().await;
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_and_another_key_is_another_order() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    room.product("MUG", 350, "EUR").await;
    room.post("/orders", &basket(customer, "TEA").to_string(), &[("idempotency-key", "k-1")]).await;
    let other_body =
        room.post("/orders", &basket(customer, "MUG").to_string(), &[("idempotency-key", "k-1")]).await;
    assert_eq!(other_body.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other_body.problem().0, "idempotency-key-used");
    let other_key =
        room.post("/orders", &basket(customer, "TEA").to_string(), &[("idempotency-key", "k-2")]).await;
    assert_eq!(other_key.status, StatusCode::CREATED);
    assert_eq!(room.count("SELECT count(*) FROM orders").await, 2);
    room.close().await;
}

#[tokio::test]
async fn a_key_whose_request_still_runs_is_409_and_free_again_when_that_request_ends_without_an_order() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let body = basket(customer, "TEA").to_string();
    let mut running = room.pool.begin().await.unwrap();
    let claims = idempotency::claim(&mut running, &BTreeSet::from(["k-1"]), room.now()).await.unwrap();
    assert_eq!(claims["k-1"], idempotency::Claim::Free);
    let meanwhile = room.post("/orders", &body, &[("idempotency-key", "k-1")]).await;
    assert_eq!(
        (meanwhile.status, meanwhile.problem().0),
        (StatusCode::CONFLICT, "idempotency-key-running".to_owned())
    );
    running.rollback().await.unwrap();
    assert_eq!(room.post("/orders", &body, &[("idempotency-key", "k-1")]).await.status, StatusCode::CREATED);
    room.close().await;
}

#[tokio::test]
async fn many_at_once_with_one_key_place_one_order() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let body = basket(customer, "TEA").to_string();
    let requests = (0..8).map(|_| room.post("/orders", &body, &[("idempotency-key", "k-1")]));
    let answers = futures::future::join_all(requests).await;
    let fresh = answers.iter().filter(|answer| {
        answer.status == StatusCode::CREATED && !answer.headers.contains_key("idempotent-replayed")
    });
    assert_eq!(fresh.count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, StatusCode::CREATED | StatusCode::CONFLICT)));
    assert_eq!(room.count("SELECT count(*) FROM orders").await, 1);
    room.close().await;
}

#[tokio::test]
async fn a_key_is_kept_for_a_day_and_free_after_it_also_before_it_is_purged() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let body = basket(customer, "TEA").to_string();
    let key = [("idempotency-key", "k-1")];
    room.post("/orders", &body, &key).await;
    room.pass(Duration::from_hours(24).saturating_sub(Duration::from_secs(1)));
    assert_eq!(room.post("/orders", &body, &key).await.headers["idempotent-replayed"], "true");
    room.pass(Duration::from_secs(1));
    assert!(!room.post("/orders", &body, &key).await.headers.contains_key("idempotent-replayed"));
    assert_eq!(room.count("SELECT count(*) FROM orders").await, 2);
    room.close().await;
}

#[tokio::test]
async fn a_key_that_is_no_key_is_400() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    for key in ["", &"k".repeat(201), "k\u{e4}"] {
        let answer =
            room.post("/orders", &basket(customer, "TEA").to_string(), &[("idempotency-key", key)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{key:?}");
        assert_eq!(answer.problem().1, ["/Idempotency-Key"]);
    }
    room.close().await;
}

/// Requests that come while a transaction is held up.
async fn post_together(room: &Room, bodies: &[String]) -> Vec<StatusCode> {
    let mut lock = room.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE orders IN SHARE MODE").execute(&mut *lock).await.unwrap();
    let posts = futures::future::join_all(bodies.iter().map(|body| room.post("/orders", body, &[])));
    let release = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("the first waits", Duration::from_secs(20), async || {
            expect(room.count(waiting).await, |found| *found > 0)
        })
        .await;
        lock.rollback().await.unwrap();
    };
    let (answers, ()) = futures::join!(posts, release);
    answers.into_iter().map(|answer| answer.status).collect()
}

#[tokio::test]
async fn orders_that_come_while_one_is_placed_share_the_next_transaction() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    let bodies = vec![basket(customer, "TEA").to_string(); 9];
    assert_eq!(post_together(&room, &bodies).await, [StatusCode::CREATED; 9]);
    assert_eq!(room.count("SELECT count(*) FROM orders").await, 9);
    assert!(room.count("SELECT count(DISTINCT xmin::text) FROM orders").await <= 2);
    room.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_one_order_is_no_matter_of_those_placed_with_it() {
    let room = Room::open().await;
    let customer = room.customer().await;
    room.product("TEA", 350, "EUR").await;
    room.product("CURSED", 666, "EUR").await;
    let curse = "ALTER TABLE orders ADD CONSTRAINT no_curse CHECK (lines->0->>'sku' <> 'CURSED')";
    room.as_admin(curse).await;
    let mut bodies = vec![basket(customer, "TEA").to_string(); 9];
    bodies[4] = basket(customer, "UNKNOWN").to_string();
    bodies[6] = basket(customer, "CURSED").to_string();
    let mut wanted = [StatusCode::CREATED; 9];
    wanted[4] = StatusCode::UNPROCESSABLE_ENTITY;
    wanted[6] = StatusCode::INTERNAL_SERVER_ERROR;
    assert_eq!(post_together(&room, &bodies).await, wanted);
    assert_eq!(room.count("SELECT count(*) FROM orders").await, 7);
    assert_eq!(room.count("SELECT count(*) FROM messaging.outbox WHERE topic = 'orders'").await, 7);
    room.close().await;
}
