//! **order**: `GET /orders/{id}/events`, Server-Sent Events.

use std::time::{Duration, Instant};

use all::launch::Program;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Api};
use crate::shelf::{id_of, placed, seen, settle, settled, time};
use crate::stores::{every_day, sentences, stuck};

sentences![
    a_stream_tells_every_change_as_it_happens_and_closes_when_the_order_is_settled,
    the_stream_of_a_settled_order_starts_with_the_first_change,
    the_history_of_an_order_is_what_its_stream_tells,
    a_stream_goes_on_after_the_last_event_id,
    a_stream_whose_last_change_was_seen_is_empty,
    a_last_event_id_that_is_no_number_of_a_change_is_400,
    an_order_that_is_cancelled_after_it_was_settled_goes_on_in_the_stream,
    a_first_change_is_told_before_the_order_is_decided: own_store,
    a_comment_comes_every_15_s: own_store,
];

/// Between two comments.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

async fn watch(api: &Api, order: &str, last: Option<&str>) -> Answer {
    let call = api.call(Method::GET, Program::Order, &format!("/orders/{order}/events"));
    let call = last.into_iter().fold(call, |call, last| call.header("last-event-id", last));
    call.send().await
}

/// Number and order of each event; panics at anything that is neither an event nor a comment.
#[track_caller]
fn told(text: &str) -> Vec<(u64, Value)> {
    assert!(text.is_empty() || text.ends_with("\n\n"), "the last event is whole: {text:?}");
    let blocks = text.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    let event = |block: &str| {
        let lines: Vec<(&str, &str)> = block.lines().map(|line| line.split_once(": ").unwrap()).collect();
        let field = |name| {
            let values: Vec<&str> = lines.iter().filter(|line| line.0 == name).map(|line| line.1).collect();
            assert_eq!(values.len(), 1, "{name} once in {block}");
            values[0]
        };
        assert_eq!((lines.len(), field("event")), (3, "order"), "{block}");
        (field("id").parse().unwrap(), serde_json::from_str(field("data")).unwrap())
    };
    blocks.map(event).collect()
}

#[track_caller]
fn numbers(answer: &Answer) -> Vec<u64> {
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"));
    told(&answer.text).into_iter().map(|(number, _)| number).collect()
}

async fn a_stream_tells_every_change_as_it_happens_and_closes_when_the_order_is_settled() {
    let api = every_day().await;
    for (token, end) in
        [("tok_ok", "confirmed"), ("tok_declined", "cancelled"), ("tok_capture_fails", "cancelled")]
    {
        let id = placed(api, token).await;
        let stream = watch(api, &id, None).await;
        let changes = told(&stream.text);
        let count = u64::try_from(changes.len()).unwrap();
        assert_eq!(numbers(&stream), (1..=count).collect::<Vec<_>>());
        let first = &changes[0].1;
        assert_eq!((&first["status"], &first["settled"]), (&json!("pending"), &json!(false)));
        assert_eq!(first["progress"], json!({"stock": "pending", "payment": "pending"}));
        for pair in changes.windows(2) {
            let (before, after) = (&pair[0].1, &pair[1].1);
            assert_ne!(before, after, "each event is a change");
            assert!(time(&before["updated_at"]) <= time(&after["updated_at"]));
            assert_eq!((&before["order_id"], &before["settled"]), (&json!(id), &json!(false)));
        }
        let last = &changes.last().unwrap().1;
        assert_eq!((&last["status"], &last["settled"]), (&json!(end), &json!(true)));
        assert_eq!(*last, seen(api, &id).await, "data is the whole order");
    }
}

async fn the_stream_of_a_settled_order_starts_with_the_first_change() {
    let api = every_day().await;
    let id = id_of(&settled(api, "tok_ok").await);
    let first = watch(api, &id, None).await;
    assert_eq!(numbers(&first).first(), Some(&1));
    assert_eq!(watch(api, &id, None).await.text, first.text);
    assert_eq!(watch(api, &id, Some("0")).await.text, first.text);
}

async fn the_history_of_an_order_is_what_its_stream_tells() {
    let api = every_day().await;
    let order = id_of(&settled(api, "tok_capture_fails").await);
    let stream = watch(api, &order, None).await;
    let mut path = format!("/orders/{order}/history?limit=3");
    let mut told_again = Vec::new();
    loop {
        let page = api.get(Program::Order, &path).await.is(200);
        told_again.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/orders/{order}/history?limit=3&cursor={cursor}");
    }
    let told = told(&stream.text);
    assert_eq!(told_again.len(), told.len());
    for (change, (number, order)) in told_again.iter().zip(&told) {
        assert_eq!(change["number"], *number);
        for same in ["status", "reason", "progress", "settled", "updated_at"] {
            assert_eq!(change[same], order[same], "{same} of change {number}");
        }
    }
}

async fn a_stream_goes_on_after_the_last_event_id() {
    let api = every_day().await;
    let id = id_of(&settled(api, "tok_ok").await);
    let whole = told(&watch(api, &id, None).await.text);
    for last in 1..whole.len() {
        let rest = told(&watch(api, &id, Some(&last.to_string())).await.text);
        assert_eq!(rest, whole[last..]);
    }
}

async fn a_stream_whose_last_change_was_seen_is_empty() {
    let api = every_day().await;
    let id = id_of(&settled(api, "tok_declined").await);
    let last = *numbers(&watch(api, &id, None).await).last().unwrap();
    for seen in [last, last + 1, 1_000_000] {
        let answer = watch(api, &id, Some(&seen.to_string())).await;
        assert!([200, 204].contains(&answer.status) && answer.text.is_empty(), "{answer:?}");
    }
}

async fn a_last_event_id_that_is_no_number_of_a_change_is_400() {
    let api = every_day().await;
    let id = id_of(&settled(api, "tok_ok").await);
    for bad in ["", "x", "-1", "+1", "1.5", "1e1", "0x1", "1 2", "99999999999999999999", "ü"] {
        watch(api, &id, Some(bad)).await.refuses(400, "bad-header", "/Last-Event-ID");
    }
    let call = api.call(Method::GET, Program::Order, &format!("/orders/{id}/events"));
    let twice = call.header("last-event-id", "1").header("last-event-id", "1").send().await;
    twice.refuses(400, "bad-header", "/Last-Event-ID");
}

async fn an_order_that_is_cancelled_after_it_was_settled_goes_on_in_the_stream() {
    let api = every_day().await;
    let id = id_of(&settled(api, "tok_ok").await);
    let before = numbers(&watch(api, &id, None).await);
    api.call(Method::POST, Program::Order, &format!("/orders/{id}/cancel")).send().await.is(200);
    let after = watch(api, &id, Some(&before.len().to_string())).await;
    let changes = told(&after.text);
    assert_eq!(numbers(&after)[0], before.last().unwrap() + 1);
    assert_eq!((&changes[0].1["status"], &changes[0].1["settled"]), (&json!("cancelled"), &json!(false)));
    assert_eq!(changes.last().unwrap().1, settle(api, &id).await);
}

async fn a_first_change_is_told_before_the_order_is_decided() {
    let api = stuck().await;
    let id = placed(api, "tok_ok").await;
    let call = api.call(Method::GET, Program::Order, &format!("/orders/{id}/events"));
    let mut stream = call.open().await;
    let first = stream.chunk().await.unwrap().unwrap();
    let changes = told(std::str::from_utf8(&first).unwrap());
    assert_eq!((changes[0].0, &changes[0].1["status"]), (1, &json!("pending")));
}

async fn a_comment_comes_every_15_s() {
    let api = stuck().await;
    let id = placed(api, "tok_ok").await;
    let call = api.call(Method::GET, Program::Order, &format!("/orders/{id}/events"));
    let mut stream = call.open().await;
    // The clock of the server starts again with each event, a little before the event is here.
    let mut last = Instant::now();
    loop {
        let chunk =
            stream.chunk().await.unwrap().expect("the stream of an order that is not settled stays open");
        let quiet = last.elapsed();
        last = Instant::now();
        if chunk.starts_with(b":") {
            assert!(quiet + Duration::from_secs(1) > COMMENT_EVERY, "{quiet:?}");
            return assert_eq!(&chunk[..], b":\n\n");
        }
        told(std::str::from_utf8(&chunk).unwrap());
    }
}
