//! Partitions that go from one instance to another: in good order, by a death, or without one of them knowing.

use messaging::Settings;
use testkit::wait::expect;
use testkit::{Proxy, until};

use crate::world::group::until_shared;
use crate::world::{Loops, NOTES, SOON, World, assert_once_in_order, note};

#[tokio::test]
async fn while_consumers_come_and_go_each_effect_is_once_and_in_order() {
    let world = World::new(4).await;
    let (writer, reader) = (world.writer().await, world.reader().await);
    let relay = writer.start(Loops::Relay).await;
    let small = || Settings { batch_records_max: 3, ..reader.settings.clone() };
    let one = reader.start_with(Loops::Consumer, small()).await;
    writer.write_many(12, 1..=10).await;
    reader.until_effects(10).await;

    let two = reader.start_with(Loops::Consumer, small()).await;
    writer.write_many(12, 11..=20).await;
    until_shared(&reader, &[&one, &two]).await;
    writer.write_many(12, 21..=30).await;
    reader.until_effects(250).await;
    let three = reader.start_with(Loops::Consumer, small()).await;
    one.stop().await;
    writer.write_many(12, 31..=40).await;
    until_shared(&reader, &[&two, &three]).await;
    writer.write_many(12, 41..=50).await;

    reader.until_read(NOTES, 600).await;
    assert_once_in_order(&reader.effects().await, 12, 50);
    for instance in [two, three, relay] {
        instance.stop().await;
    }
}

#[tokio::test]
async fn a_partition_that_was_full_when_it_was_given_away_is_read_on_when_it_comes_back() {
    let world = World::new(2).await;
    let reader = world.reader().await;
    let small = || Settings { batch_records_max: 2, queue_records_max: 2, ..reader.settings.clone() };
    let notes = |numbers: std::ops::RangeInclusive<i64>| {
        numbers.flat_map(|number| (0..12).map(move |key| note(&format!("key-{key}"), number)))
    };
    let one = reader.start_with(Loops::Consumer, small()).await;
    world.pen_notes(notes(1..=1)).await;
    reader.until_effects(12).await;

    // Nothing is handled, so both partitions are full, and paused, when one of them goes and comes back.
    let lock = reader.lock_effects().await;
    world.pen_notes(notes(2..=9)).await;
    reader.until_locked().await;
    let two = reader.start_with(Loops::Consumer, small()).await;
    until_shared(&reader, &[&one, &two]).await;
    two.stop().await;
    lock.rollback().await.unwrap();

    reader.until_read(NOTES, 12 * 9).await;
    assert_once_in_order(&reader.effects().await, 12, 9);
    one.stop().await;
}

#[tokio::test]
async fn a_consumer_that_lost_its_partition_without_knowing_changes_nothing_when_it_wakes() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let (kafka, postgres) =
        (Proxy::to_kafka(world.kafka()).await.unwrap(), Proxy::to(world.postgres()).await.unwrap());
    let by_way = Settings { kafka_bootstrap: kafka.address(), ..reader.settings.clone() };
    let sleeper = reader.start_by_way_of(Loops::Consumer, by_way, &postgres).await;
    let notes = |number| ["a", "b", "c"].map(|key| note(key, number));
    world.pen_notes(notes(1)).await;
    until("the first batches are answered", SOON, async || {
        expect(reader.reader.committed(), |keys| keys.len() == 3)
    })
    .await;

    // It falls asleep with the next records in its hands, about to begin their transaction.
    postgres.hold();
    world.pen_notes(notes(2)).await;
    until("the next batch begins", SOON, async || if postgres.held() > 0 { Ok(()) } else { Err("not yet") })
        .await;
    let asleep = sleeper.freeze().await;
    kafka.hold();
    postgres.open();
    let other = reader.start(Loops::Consumer).await;
    assert_once_in_order(&reader.until_effects(6).await, 3, 2);
    // The fence must hold by itself: the inbox does not remember for ever.
    reader.database.as_admin("DELETE FROM messaging.inbox").await.unwrap();
    drop(asleep);
    kafka.open();

    world.pen_notes(notes(3)).await;
    reader.until_effects(9).await;
    other.stop().await;
    world.pen_notes(notes(4)).await;
    reader.until_read(NOTES, 12).await; // by the sleeper, so its old batch is behind it
    assert_once_in_order(&reader.effects().await, 3, 4);
    sleeper.stop().await;
}

#[tokio::test]
async fn a_batch_that_waited_while_somebody_else_moved_the_position_is_given_up() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    world.pen_notes((1..=2).map(|number| note("a", number))).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 2).await;

    let mut somebody_else = reader.pool.begin().await.unwrap();
    let moved = "UPDATE messaging.position SET next_offset = 4, last_event_id = NULL";
    sqlx::query(moved).execute(&mut *somebody_else).await.unwrap();
    world.pen_notes((3..=4).map(|number| note("a", number))).await;
    reader.until_locked().await; // a batch is about to take the third note in
    somebody_else.commit().await.unwrap();

    world.pen_notes((5..=6).map(|number| note("a", number))).await;
    reader.until_read(NOTES, 6).await;
    let numbers: Vec<i64> = reader.effects().await.iter().map(|effect| effect.number).collect();
    assert_eq!(numbers, [1, 2, 5, 6]);
    consumer.stop().await;
}

#[tokio::test]
async fn a_consumer_killed_in_the_middle_of_a_batch_is_replaced() {
    let world = World::new(2).await;
    let reader = world.reader().await;
    let kafka = Proxy::to_kafka(world.kafka()).await.unwrap();
    let notes = |numbers: std::ops::RangeInclusive<i64>| {
        numbers.flat_map(|number| (0..6).map(move |key| note(&format!("key-{key}"), number)))
    };
    world.pen_notes(notes(1..=2)).await;
    let by_way =
        Settings { kafka_bootstrap: kafka.address(), batch_records_max: 4, ..reader.settings.clone() };
    let doomed = reader.start_with(Loops::Consumer, by_way).await;
    reader.until_effects(12).await;

    let lock = reader.lock_effects().await;
    world.pen_notes(notes(3..=5)).await;
    reader.until_locked().await;
    kafka.cut(); // nobody says good-bye
    doomed.kill().await;
    lock.rollback().await.unwrap();

    let other = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 30).await;
    assert_once_in_order(&reader.effects().await, 6, 5);
    other.stop().await;
}
