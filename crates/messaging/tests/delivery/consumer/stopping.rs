//! The end in good order: what was begun is finished, what was committed is not done again, and it takes no time.

use std::collections::BTreeSet;
use std::time::Duration;

use messaging::Settings;
use testkit::Proxy;

use crate::world::group::until_shared;
use crate::world::{Loops, NOTES, World, assert_once_in_order, note};

const PROMISED: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_stop_finishes_the_batch_under_way_and_a_restart_redoes_nothing() {
    let world = World::new(2).await;
    let reader = world.reader().await;
    let notes = |numbers: std::ops::RangeInclusive<i64>| {
        numbers.flat_map(|number| (0..5).map(move |key| note(&format!("key-{key}"), number)))
    };
    world.pen_notes(notes(1..=4)).await;
    let lock = reader.lock_effects().await;
    let settings = Settings { batch_records_max: 4, ..reader.settings.clone() };
    let consumer = reader.start_with(Loops::Consumer, settings).await;
    reader.until_locked().await;
    consumer.tell_to_stop();
    lock.rollback().await.unwrap();
    consumer.stop_within(PROMISED).await;
    assert!(!reader.effects().await.is_empty(), "the batch under way is finished");

    world.pen_notes(notes(5..=6)).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 30).await;
    assert_once_in_order(&reader.effects().await, 5, 6);
    consumer.stop_within(PROMISED).await;
    let decided = reader.reader.decided();
    assert_eq!((decided.len(), decided.iter().collect::<BTreeSet<_>>().len()), (30, 30));
}

#[tokio::test]
async fn a_consumer_that_stops_gives_its_partitions_away_at_once() {
    let world = World::new(2).await;
    let reader = world.reader().await;
    let settings = Settings { session_timeout_ms: 120_000, ..reader.settings.clone() };
    let one = reader.start_with(Loops::Consumer, settings).await;
    world.pen_notes([note("a", 1)]).await;
    reader.until_effects(1).await;
    one.stop_within(PROMISED).await;
    let two = reader.start(Loops::Consumer).await;
    world.pen_notes([note("a", 2)]).await;
    assert_once_in_order(&reader.until_effects(2).await, 1, 2); // long before the time-out of the first
    two.stop().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_database_that_hangs() {
    let world = World::new(2).await;
    let reader = world.reader().await;
    let postgres = Proxy::to(world.postgres()).await.unwrap();
    let settings = Settings { session_timeout_ms: 120_000, ..reader.settings.clone() };
    let consumer = reader.start_by_way_of(Loops::Consumer, settings, &postgres).await;
    world.pen_notes([note("a", 1)]).await;
    reader.until_effects(1).await;
    let lock = reader.lock_effects().await;
    world.pen_notes([note("a", 2)]).await;
    reader.until_locked().await;
    postgres.hold(); // the answer never comes
    lock.rollback().await.unwrap();
    consumer.stop_within(PROMISED).await;

    postgres.cut();
    let other = reader.start(Loops::Consumer).await;
    assert_once_in_order(&reader.until_effects(2).await, 1, 2);
    other.stop().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_database_that_never_answered() {
    let world = World::new(2).await;
    let reader = world.reader().await;
    let postgres = Proxy::to(world.postgres()).await.unwrap();
    postgres.hold();
    let settings = Settings { session_timeout_ms: 120_000, ..reader.settings.clone() };
    let consumer = reader.start_by_way_of(Loops::Consumer, settings, &postgres).await;
    until_shared(&reader, &[&consumer]).await;
    consumer.stop_within(PROMISED).await;

    let other = reader.start(Loops::Consumer).await;
    world.pen_notes([note("a", 1)]).await;
    reader.until_effects(1).await;
    other.stop().await;
}
