//! **order**: `GET /orders/{id}?wait=decided|settled&timeout=5s`, a long poll.

use std::time::{Duration, Instant};

use all::launch::Program;
use serde_json::json;

use crate::shelf::{id_of, placed, settled};
use crate::stores::{every_day, sentences, stuck};

sentences![
    a_long_poll_answers_when_the_order_is_decided_or_settled_and_not_when_time_is_up,
    a_long_poll_of_an_order_that_is_so_far_answers_at_once,
    a_long_poll_whose_time_is_up_is_200_with_the_order_as_it_is: own_store,
    a_long_poll_takes_10_s_when_the_caller_does_not_say: own_store,
    a_timeout_is_milliseconds_or_seconds_up_to_30_s,
    any_other_timeout_is_400,
    any_other_goal_is_400,
];

/// Much less than the time-out of the polls that must not need it.
const PROMPT: Duration = Duration::from_secs(20);

async fn a_long_poll_answers_when_the_order_is_decided_or_settled_and_not_when_time_is_up() {
    let api = every_day().await;
    for (goal, token) in
        [("decided", "tok_ok"), ("settled", "tok_ok"), ("decided", "tok_slow"), ("settled", "tok_declined")]
    {
        let id = placed(api, token).await;
        let began = Instant::now();
        let order = api.get(Program::Order, &format!("/orders/{id}?wait={goal}&timeout=30s")).await.is(200);
        assert!(began.elapsed() < PROMPT, "{goal} {token}: {:?}", began.elapsed());
        assert_ne!(order["status"], "pending");
        assert!(goal == "decided" || order["settled"] == true, "{order}");
    }
}

async fn a_long_poll_of_an_order_that_is_so_far_answers_at_once() {
    let api = every_day().await;
    let order = settled(api, "tok_ok").await;
    let began = Instant::now();
    for query in ["wait=decided", "wait=settled", "wait=settled&timeout=30s", "timeout=30s", ""] {
        assert_eq!(
            api.get(Program::Order, &format!("/orders/{}?{query}", id_of(&order))).await.is(200),
            order
        );
    }
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
}

async fn a_long_poll_whose_time_is_up_is_200_with_the_order_as_it_is() {
    let api = stuck().await;
    let id = placed(api, "tok_ok").await;
    for (timeout, ms) in [("0s", 0), ("0ms", 0), ("1ms", 1), ("300ms", 300), ("1s", 1_000)] {
        for goal in ["decided", "settled"] {
            let began = Instant::now();
            let path = format!("/orders/{id}?wait={goal}&timeout={timeout}");
            let order = api.get(Program::Order, &path).await.is(200);
            assert_eq!((&order["order_id"], &order["status"]), (&json!(id), &json!("pending")));
            assert!(began.elapsed() >= Duration::from_millis(ms), "{:?}", began.elapsed());
        }
    }
}

async fn a_long_poll_takes_10_s_when_the_caller_does_not_say() {
    let api = stuck().await;
    let id = placed(api, "tok_ok").await;
    let began = Instant::now();
    let order = api.get(Program::Order, &format!("/orders/{id}?wait=decided")).await.is(200);
    let took = began.elapsed();
    assert_eq!(order["status"], "pending");
    assert!((Duration::from_secs(10)..PROMPT).contains(&took), "{took:?}");
}

async fn a_timeout_is_milliseconds_or_seconds_up_to_30_s() {
    let api = every_day().await;
    let id = id_of(&settled(api, "tok_ok").await);
    for good in ["0s", "0ms", "500ms", "5s", "30s", "30000ms", "29999ms", "007s"] {
        for query in [format!("wait=settled&timeout={good}"), format!("timeout={good}")] {
            let order = api.get(Program::Order, &format!("/orders/{id}?{query}")).await.is(200);
            assert_eq!(order["order_id"], *id);
        }
    }
}

async fn any_other_timeout_is_400() {
    let api = every_day().await;
    let id = placed(api, "tok_ok").await;
    for bad in [
        "",
        "5",
        "s",
        "ms",
        "-1s",
        "%2B5s",
        "5%20s",
        "1.5s",
        "5S",
        "5sec",
        "1m",
        "1h",
        "31s",
        "30001ms",
        "0m",
        "0h",
        "99999999999999999999s",
        "18446744073709551615s",
        "5s%00",
        "%ff",
        "PT5S",
    ] {
        for query in [format!("wait=decided&timeout={bad}"), format!("timeout={bad}")] {
            api.get(Program::Order, &format!("/orders/{id}?{query}")).await.refuses(
                400,
                "bad-query",
                "/timeout",
            );
        }
    }
    let twice = format!("/orders/{id}?wait=decided&timeout=1s&timeout=1s");
    api.get(Program::Order, &twice).await.refuses(400, "bad-query", "/timeout");
}

async fn any_other_goal_is_400() {
    let api = every_day().await;
    let id = placed(api, "tok_ok").await;
    for bad in ["", "shipped", "Decided", "decided%20", "true", "%00", "decided%7Csettled"] {
        api.get(Program::Order, &format!("/orders/{id}?wait={bad}")).await.refuses(400, "bad-query", "/wait");
    }
    let twice = format!("/orders/{id}?wait=decided&wait=settled");
    api.get(Program::Order, &twice).await.refuses(400, "bad-query", "/wait");
}
