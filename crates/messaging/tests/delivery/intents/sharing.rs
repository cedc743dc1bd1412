//! Several workers: they share the calls, and whoever lost one changes nothing any more.

use std::collections::BTreeSet;
use std::time::Duration;

use messaging::Settings;

use super::{OPEN, call, intended};
use crate::world::catalogue::moody;
use crate::world::{Loops, Service, World};

pub fn short_lease(service: &Service) -> Settings {
    Settings { intent_lease_ms: 900, ..service.settings.clone() }
}

#[tokio::test]
async fn two_workers_share_the_calls_and_make_each_once() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let notes: Vec<(String, i64)> = (0..60).map(|number| (format!("key-{}", number % 20), number)).collect();
    let moods: Vec<(&str, i64, &str)> =
        notes.iter().map(|(key, number)| (key.as_str(), *number, "call:hang")).collect();
    intended(&world, &reader, &moods).await;
    let few = || Settings { intent_calls_max: 10, ..reader.settings.clone() };
    let one = reader.start_with(Loops::Intents, few()).await;
    let two = reader.start_with(Loops::Intents, few()).await;
    reader.until_calls(20).await; // each has taken as many as it may
    let owners = "SELECT count(DISTINCT lease_owner) FROM messaging.intent WHERE lease_owner IS NOT NULL";
    reader.until_count(owners, 2).await;
    reader.reader.release.add_permits(60);
    let outcomes = reader.until_outcomes(60).await;
    reader.until_count(OPEN, 0).await;
    let concluded: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.kind.as_str()).collect();
    assert_eq!((outcomes.len(), concluded.len(), reader.reader.calls().len()), (60, 60, 60));
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn a_worker_that_slept_beyond_its_lease_concludes_nothing() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    intended(&world, &reader, &[("a", 1, "call:hang")]).await;
    let sleeper = reader.start_with(Loops::Intents, short_lease(&reader)).await;
    reader.until_calls(1).await;
    let asleep = sleeper.freeze().await;
    let other = reader.start(Loops::Intents).await;
    assert_eq!(reader.until_calls(2).await, [call("a", 1, 1), call("a", 1, 2)]);
    reader.reader.release.add_permits(2); // both calls have a result now, the sleeper's first
    assert_eq!(reader.until_outcomes(1).await, [call("a", 1, 2)]);
    other.stop().await;

    drop(asleep);
    let consumer = reader.start(Loops::Consumer).await;
    world.pen_notes([moody("b", 1, "call")]).await;
    // By the sleeper, which writes its results in the order of the calls.
    assert_eq!(reader.until_outcomes(2).await, [call("a", 1, 2), call("b", 1, 1)]);
    sleeper.stop().await;
    consumer.stop().await;
    assert_eq!(reader.outcomes().await.len(), 2);
}

#[tokio::test]
async fn a_result_that_comes_after_its_lease_is_dropped_also_while_the_other_call_is_under_way() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    intended(&world, &reader, &[("a", 1, "call:hang")]).await;
    let sleeper = reader.start_with(Loops::Intents, short_lease(&reader)).await;
    reader.until_calls(1).await;
    let asleep = sleeper.freeze().await;
    let busy = Settings { intent_calls_max: 1, ..reader.settings.clone() };
    let other = reader.start_with(Loops::Intents, busy).await;
    reader.until_calls(2).await;
    reader.reader.release.add_permits(1); // the sleeper's call has waited longer
    drop(asleep);
    let consumer = reader.start(Loops::Consumer).await;
    world.pen_notes([moody("b", 1, "call")]).await;
    // By the sleeper, which writes its results in the order of the calls.
    assert_eq!(reader.until_outcomes(1).await, [call("b", 1, 1)]);
    reader.reader.release.add_permits(1);
    assert_eq!(reader.until_outcomes(2).await, [call("b", 1, 1), call("a", 1, 2)]);
    for instance in [sleeper, other, consumer] {
        instance.stop().await;
    }
}

#[tokio::test]
async fn the_call_of_a_worker_that_died_is_made_again_by_another() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    intended(&world, &reader, &[("a", 1, "call:hang"), ("a", 2, "call")]).await;
    let doomed = reader.start_with(Loops::Intents, short_lease(&reader)).await;
    reader.until_calls(1).await;
    doomed.kill().await;
    let other = reader.start(Loops::Intents).await;
    reader.until_calls(2).await;
    reader.reader.release.add_permits(1);
    assert_eq!(reader.until_outcomes(2).await, [call("a", 1, 2), call("a", 2, 1)]);
    other.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_calls_under_way_and_gives_the_rest_back() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    intended(&world, &reader, &[("a", 1, "call:hang"), ("b", 1, "call:hang"), ("a", 2, "call")]).await;
    let long = Settings { intent_lease_ms: 600_000, ..reader.settings.clone() };
    let worker = reader.start_with(Loops::Intents, long).await;
    reader.until_calls(2).await;
    worker.tell_to_stop();
    reader.reader.release.add_permits(1);
    let concluded = reader.until_outcomes(1).await;
    worker.stop_within(Duration::from_secs(5)).await;
    assert_eq!(reader.outcomes().await, concluded);
    assert_eq!(reader.reader.calls().len(), 2, "nothing new is begun");

    let other = reader.start(Loops::Intents).await; // long before the lease of the first
    reader.until_calls(3).await;
    reader.reader.release.add_permits(1);
    let outcomes = reader.until_outcomes(3).await;
    let tried_twice = outcomes.iter().filter(|outcome| outcome.attempt == 2).count();
    assert_eq!((outcomes.len(), tried_twice), (3, 1), "{outcomes:?}");
    other.stop().await;
}
