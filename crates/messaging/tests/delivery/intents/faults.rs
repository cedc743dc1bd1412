//! Calls and results that go wrong: each is tried again, and none stands in the way of others.

use std::time::Duration;

use testkit::{Proxy, until};

use super::sharing::short_lease;
use super::{OPEN, call, intended};
use crate::world::catalogue::moody;
use crate::world::{Call, Loops, SOON, World};

#[tokio::test]
async fn a_call_that_panics_is_made_again_and_the_loop_goes_on() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    intended(&world, &reader, &[("a", 1, "call:panic"), ("a", 2, "call"), ("b", 1, "call")]).await;
    let worker = reader.start(Loops::Intents).await;
    let mut outcomes = reader.until_outcomes(3).await;
    outcomes.sort_by_key(|outcome| (outcome.key.clone(), outcome.kind.clone()));
    assert_eq!(outcomes, [call("a", 1, 2), call("a", 2, 1), call("b", 1, 1)]);
    worker.stop().await;
}

#[tokio::test]
async fn a_result_that_cannot_be_saved_holds_up_its_own_key_only_and_is_saved_in_the_end() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let notes = [("x", 1, "call:unsavable 12"), ("x", 2, "call"), ("y", 1, "call"), ("z", 1, "call")];
    intended(&world, &reader, &notes).await;
    let both = reader.start(Loops::All).await;
    let keys = |outcomes: &[Call]| outcomes.iter().map(|outcome| outcome.key.clone()).collect::<Vec<_>>();
    let first = reader.until_outcomes(2).await;
    assert!(!keys(&first).contains(&"x".to_owned()), "{first:?}");
    world.pen_notes([moody("y", 2, "call"), moody("z", 2, "call")]).await;
    let last = reader.until_outcomes(6).await;
    reader.until_count(OPEN, 0).await;
    let of_x: Vec<&Call> = last.iter().filter(|outcome| outcome.key == "x").collect();
    assert_eq!(of_x, [&Call { kind: "cannot be saved 12".into(), ..call("x", 1, 1) }, &call("x", 2, 1)]);
    assert_eq!(reader.reader.calls().len(), 6, "a call that has a result is not made again");
    both.stop().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_result_that_cannot_be_saved() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    intended(&world, &reader, &[("x", 1, "call:unsavable 1000000"), ("y", 1, "call")]).await;
    let worker = reader.start(Loops::Intents).await;
    reader.until_outcomes(1).await;
    worker.stop_within(Duration::from_secs(5)).await;
    reader.until_count("SELECT count(*) FROM messaging.intent WHERE lease_owner IS NULL", 1).await;
}

#[tokio::test]
async fn while_the_database_is_away_results_are_kept_and_then_concluded_once() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let notes: Vec<(String, i64)> = (0..8).map(|number| (format!("key-{}", number % 4), number)).collect();
    let moods: Vec<(&str, i64, &str)> =
        notes.iter().map(|(key, number)| (key.as_str(), *number, "call:hang")).collect();
    intended(&world, &reader, &moods).await;
    let postgres = Proxy::to(world.postgres()).await.unwrap();
    let worker = reader.start_by_way_of(Loops::Intents, short_lease(&reader), &postgres).await;
    reader.until_calls(4).await;
    postgres.cut();
    reader.reader.release.add_permits(8);
    until("the leases run out", SOON, async || {
        let held = "SELECT count(*) FROM messaging.intent WHERE lease_until > now()";
        if reader.count(held).await == 0 { Ok(()) } else { Err("not yet") }
    })
    .await;
    assert_eq!(reader.outcomes().await, []);
    postgres.open();
    let outcomes = reader.until_outcomes(8).await;
    reader.until_count(OPEN, 0).await;
    assert_eq!((outcomes.len(), reader.reader.calls().len()), (8, 8), "no call is made twice");
    worker.stop().await;
}

#[tokio::test]
async fn a_call_that_was_due_before_the_clock_went_back_is_made_at_once() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    intended(&world, &reader, &[("a", 1, "call"), ("b", 1, "call:later")]).await;
    let an_hour_ahead = "UPDATE messaging.intent SET due_at = due_at + interval '1 hour', asked_at = asked_at + interval '1 hour'
                         WHERE key = 'a'";
    sqlx::query(an_hour_ahead).execute(&reader.pool).await.unwrap();
    let worker = reader.start(Loops::Intents).await;
    assert_eq!(reader.until_outcomes(1).await, [call("a", 1, 1)]);
    let waits = "SELECT count(*) FROM messaging.intent WHERE due_at > now() + interval '50 minutes'";
    assert_eq!(reader.count(waits).await, 1, "what is to be done later is not due");
    worker.stop().await;
}
