use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::StreamExt as _;
use kernel::OrderId;
use order::config::OrderArgs;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::samples::reply;
use crate::support::{Answer, Room, WITHIN};

const ALL: [(i64, &str); 4] =
    [(1, "StockReserved"), (1, "PaymentAuthorized"), (2, "StockCommitted"), (2, "PaymentCaptured")];

async fn deliver(room: &Room, id: OrderId, replies: &[(i64, &str)]) {
    for (number, name) in replies {
        room.deliver(*number, &reply(name, id, room.now())).await;
    }
}

/// The order's events so far, and what follows until the stream ends: id and data of each.
async fn watch(room: &Room, id: OrderId, last: Option<&str>) -> Answer {
    let request = Request::get(format!("/orders/{id}/events"));
    let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
    room.send(request.body(Body::empty()).unwrap()).await
}

fn told(stream: &str) -> Vec<(i64, Value)> {
    let blocks = stream.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    blocks
        .map(|block| {
            let field = |name: &str| {
                let lines: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix(name)).collect();
                assert_eq!(lines.len(), 1, "{name} once in {block}");
                lines[0].trim_start().to_owned()
            };
            assert_eq!(field("event:"), "order");
            (field("id:").parse().unwrap(), serde_json::from_str(&field("data:")).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn a_long_poll_answers_as_soon_as_the_order_is_decided_or_settled() {
    let room = Room::open().await;
    for (goal, replies) in [("decided", &ALL[..2]), ("settled", &ALL[..])] {
        let id = room.order().await;
        let path = format!("/orders/{id}?wait={goal}&timeout=30s");
        let began = Instant::now();
        let (answer, ()) = tokio::join!(room.get(&path), deliver(&room, id, replies));
        assert_eq!((answer.status, answer.json()["status"].as_str()), (StatusCode::OK, Some("confirmed")));
        assert_eq!(answer.json()["settled"].as_bool(), Some(goal == "settled"));
        assert!(began.elapsed() < WITHIN);
        assert_eq!(room.get(&path).await.status, StatusCode::OK, "at once when it is so far already");
    }
    room.close().await;
}

#[tokio::test]
async fn a_long_poll_whose_time_is_up_answers_the_order_as_it_is() {
    let room = Room::open().await;
    let id = room.order().await;
    for timeout in ["0s", "0ms", "20ms"] {
        let answer = room.get(&format!("/orders/{id}?wait=decided&timeout={timeout}")).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, room.see(id).await));
    }
    room.close().await;
}

#[tokio::test]
async fn a_wait_that_is_wrong_is_400_and_an_unknown_order_404() {
    let room = Room::open().await;
    let id = room.order().await;
    for (query, pointer) in [
        ("wait=shipped", "/wait"),
        ("wait=decided&timeout=31s", "/timeout"),
        ("wait=decided&timeout=5", "/timeout"),
        ("wait=decided&timeout=-1s", "/timeout"),
        ("wait=decided&timeout=", "/timeout"),
        ("timeout=1h", "/timeout"),
        ("wait=decided&wait=decided", "/wait"),
        ("await=decided", "/await"),
    ] {
        let answer = room.get(&format!("/orders/{id}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.text);
        assert_eq!(answer.problem().1, [pointer], "{query}");
    }
    let unknown = room.get(&format!("/orders/{}?wait=decided", uuid::Uuid::from_u128(1))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    room.close().await;
}

#[tokio::test]
async fn a_change_made_by_another_instance_is_seen_too() {
    let room =
        Room::open_with(OrderArgs { watch_every: Duration::from_millis(10), ..OrderArgs::default() }).await;
    let id = room.order().await;
    let looking = room.state.watchers.clone().run(
        room.pool.clone(),
        room.state.settings.watch_every,
        room.state.shutdown.clone(),
    );
    let looking = tokio::spawn(looking);
    let path = format!("/orders/{id}?wait=decided&timeout=30s");
    let elsewhere = async {
        // Its commit wakes nobody here.
        sqlx::query(
            "UPDATE orders SET status = 'cancelled', reason = 'timed_out', changes = changes + 1 WHERE order_id = $1",
        )
        .bind(id.0)
        .execute(&room.pool)
        .await
        .unwrap();
    };
    let began = Instant::now();
    let (answer, ()) = tokio::join!(room.get(&path), elsewhere);
    assert_eq!(answer.json()["status"], "cancelled");
    assert!(began.elapsed() < WITHIN);
    room.close().await;
    looking.await.unwrap();
}

#[tokio::test]
async fn the_stream_of_a_settled_order_tells_every_change_and_ends() {
    let room = Room::open().await;
    let id = room.order().await;
    deliver(&room, id, &ALL).await;
    let answer = watch(&room, id, None).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let changes = told(&answer.text);
    assert_eq!(changes.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=6).collect::<Vec<_>>());
    let statuses: Vec<_> = changes.iter().map(|(_, order)| order["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["pending", "pending", "pending", "confirmed", "confirmed", "confirmed"]);
    assert_eq!(changes.last().unwrap().1, room.see(id).await);
    assert_eq!(changes[0].1["progress"]["stock"], "pending");
    room.close().await;
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_id_and_is_204_when_all_was_seen() {
    let room = Room::open().await;
    let id = room.order().await;
    deliver(&room, id, &ALL).await;
    let numbers =
        |answer: Answer| told(&answer.text).into_iter().map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(numbers(watch(&room, id, Some("4")).await), [5, 6]);
    assert_eq!(numbers(watch(&room, id, Some("0")).await), [1, 2, 3, 4, 5, 6]);
    for seen in ["6", "7", "999999"] {
        let answer = watch(&room, id, Some(seen)).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::NO_CONTENT, ""), "{seen}");
    }
    for bad in ["x", "-1", "1.5", "+1", "99999999999999999999"] {
        let answer = watch(&room, id, Some(bad)).await;
        assert_eq!(
            (answer.status, answer.problem().1),
            (StatusCode::BAD_REQUEST, vec!["/Last-Event-ID".to_owned()]),
            "{bad}"
        );
    }
    assert_eq!(watch(&room, OrderId(uuid::Uuid::from_u128(1)), None).await.status, StatusCode::NOT_FOUND);
    room.close().await;
}

#[tokio::test]
async fn a_stream_follows_an_order_while_it_changes_and_closes_when_it_is_settled() {
    let room = Room::open().await;
    let id = room.order().await;
    let changes = async {
        deliver(&room, id, &ALL[..2]).await;
        room.cancel(id).await;
        deliver(&room, id, &[(2, "StockReleased"), (2, "PaymentVoided")]).await;
    };
    let (answer, ()) = tokio::join!(watch(&room, id, None), changes);
    let changes = told(&answer.text);
    assert_eq!(changes.len(), 7);
    assert_eq!(changes[6].1["settled"], true);
    room.close().await;
}

#[tokio::test]
async fn waiting_callers_are_bounded_and_make_room_when_they_leave() {
    let room = Room::open_with(OrderArgs { waiters_max: 1, ..OrderArgs::default() }).await;
    let id = room.order().await;
    let request = Request::get(format!("/orders/{id}/events")).body(Body::empty()).unwrap();
    let mut open = room.router.clone().oneshot(request).await.unwrap().into_body().into_data_stream();
    let first = tokio::time::timeout(WITHIN, open.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(told(std::str::from_utf8(&first).unwrap()).len(), 1);
    for path in [format!("/orders/{id}?wait=decided"), format!("/orders/{id}/events")] {
        let refused = room.get(&path).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(refused.headers.contains_key("retry-after"));
    }
    assert_eq!(
        room.get(&format!("/orders/{id}")).await.status,
        StatusCode::OK,
        "who does not wait is served"
    );
    drop(open);
    assert_eq!(room.get(&format!("/orders/{id}?wait=decided&timeout=1ms")).await.status, StatusCode::OK);
    room.close().await;
}

#[tokio::test]
async fn streams_and_long_polls_end_when_the_service_stops() {
    let room = Room::open().await;
    let id = room.order().await;
    let stop = async { room.state.shutdown.cancel() };
    let path = format!("/orders/{id}?wait=decided&timeout=30s");
    let began = Instant::now();
    let (stream, poll, ()) = tokio::join!(watch(&room, id, None), room.get(&path), stop);
    assert_eq!((stream.status, poll.status), (StatusCode::OK, StatusCode::OK));
    assert!(began.elapsed() < WITHIN);
    room.close().await;
}
