//! Something is away: the partition waits, nothing is parked or skipped, and it goes on by itself.

use std::time::Duration;

use messaging::{Part, Settings};
use reqwest::StatusCode;
use testkit::{IllRegistry, Proxy, until};

use crate::world::{Instance, Loops, NOTES, Note, SOON, World, assert_once_in_order, note};

/// Half of the minute that the client library waits by itself.
const SOON_ENOUGH: Duration = Duration::from_secs(30);

fn notes(numbers: std::ops::RangeInclusive<i64>) -> impl Iterator<Item = Note> {
    numbers.flat_map(|number| (0..6).map(move |key| note(&format!("key-{key}"), number)))
}

async fn until_well(instance: &Instance, part: Part) {
    until(format!("{part:?} is well again"), SOON, async || instance.said.of(part).map_or(Ok(()), Err)).await;
}

#[tokio::test]
async fn while_the_registry_is_ill_nothing_is_parked_and_the_partition_waits() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let registry = IllRegistry::before(&reader.settings.registry_url).await.unwrap();
    let ill = [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::NOT_FOUND, StatusCode::TOO_MANY_REQUESTS];
    for (number, status) in (1..).zip(ill) {
        registry.fall_ill(status);
        world.pen_notes([note("a", number)]).await;
        let settings = Settings { registry_url: registry.url().to_owned(), ..reader.settings.clone() };
        let consumer = reader.start_with(Loops::Consumer, settings).await; // it has cached no schema
        consumer.says(Part::Registry, status.as_str()).await;
        let refused = registry.refused();
        until(
            "it asks again",
            SOON,
            async || if registry.refused() > refused + 4 { Ok(()) } else { Err("no") },
        )
        .await;
        assert_eq!(
            (reader.effects().await.len(), reader.parked().await),
            (usize::try_from(number).unwrap() - 1, vec![])
        );
        registry.recover();
        reader.until_read(NOTES, number).await;
        until_well(&consumer, Part::Registry).await;
        consumer.stop().await;
    }
    assert_once_in_order(&reader.effects().await, 1, 3);
}

#[tokio::test]
async fn while_the_database_is_away_the_partitions_wait_and_then_go_on() {
    let world = World::new(3).await;
    let reader = world.reader().await;
    let postgres = Proxy::to(world.postgres()).await.unwrap();
    let settings = Settings { batch_records_max: 3, ..reader.settings.clone() };
    let consumer = reader.start_by_way_of(Loops::Consumer, settings, &postgres).await;
    for round in 0..4 {
        world.pen_notes(notes(1 + round * 5..=3 + round * 5)).await;
        reader.until_effects(usize::try_from(round * 30 + 5).unwrap()).await; // somewhere in the middle
        postgres.cut();
        world.pen_notes(notes(4 + round * 5..=5 + round * 5)).await;
        consumer.says(Part::Consumer, "cannot").await;
        postgres.open();
        reader.until_read(NOTES, 30 + round * 30).await;
        until_well(&consumer, Part::Consumer).await;
    }
    assert_once_in_order(&reader.effects().await, 6, 20);
    assert_eq!(reader.parked().await, []);
    consumer.stop().await;
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_not_done_again() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    // The commit reaches Postgres, and waits there for a lock.
    let slow_commit = "
        CREATE FUNCTION wait_for_a_word() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON effect DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION wait_for_a_word()";
    reader.database.as_admin(slow_commit).await.unwrap();
    let mut lock = reader.pool.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(1)").execute(&mut *lock).await.unwrap();
    let postgres = Proxy::to(world.postgres()).await.unwrap();
    let consumer = reader.start_by_way_of(Loops::Consumer, reader.settings.clone(), &postgres).await;
    world.pen_notes((1..=3).map(|number| note("a", number))).await;
    reader.until_locked().await;
    postgres.cut();
    consumer.says(Part::Consumer, "cannot").await;
    lock.rollback().await.unwrap();
    reader.until_effects(1).await;
    // The fence must hold by itself: the inbox does not remember for ever.
    reader.database.as_admin("DELETE FROM messaging.inbox").await.unwrap();
    postgres.open();

    world.pen_notes([note("a", 4)]).await;
    reader.until_read(NOTES, 4).await;
    assert_once_in_order(&reader.effects().await, 1, 4);
    assert_eq!(reader.reader.decided().len(), 4, "what was committed is not decided again");
    consumer.stop().await;
}

#[tokio::test]
async fn while_kafka_is_away_the_consumer_waits_and_then_goes_on() {
    let world = World::new(3).await;
    let reader = world.reader().await;
    let kafka = Proxy::to_kafka(world.kafka()).await.unwrap();
    let settings = Settings { kafka_bootstrap: kafka.address(), ..reader.settings.clone() };
    let consumer = reader.start_with(Loops::Consumer, settings).await;
    for round in 0..3 {
        world.pen_notes(notes(1 + round * 2..=1 + round * 2)).await;
        reader.until_read(NOTES, 6 + round * 12).await;
        kafka.cut();
        world.pen_notes(notes(2 + round * 2..=2 + round * 2)).await;
        consumer.says(Part::Consumer, "no broker answers").await;
        kafka.open();
        reader.until_read(NOTES, 12 + round * 12).await;
        until_well(&consumer, Part::Consumer).await;
    }
    assert_once_in_order(&reader.effects().await, 6, 6);
    consumer.stop().await;
}

#[tokio::test]
async fn a_broker_that_neither_answers_nor_hangs_up_is_given_up_soon() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let kafka = Proxy::to_kafka(world.kafka()).await.unwrap();
    let settings = Settings { kafka_bootstrap: kafka.address(), ..reader.settings.clone() };
    let consumer = reader.start_with(Loops::Consumer, settings).await;
    world.pen_notes([note("a", 1)]).await;
    reader.until_read(NOTES, 1).await;

    // The fetch that waits for the next record is swallowed with its answer; no other connection is harmed.
    kafka.swallow();
    world.pen_notes([note("a", 2)]).await;
    until(
        "something is swallowed",
        SOON,
        async || if kafka.swallowed() > 0 { Ok(()) } else { Err("not yet") },
    )
    .await;
    kafka.open();
    let read = tokio::time::timeout(SOON_ENOUGH, reader.until_read(NOTES, 2)).await;
    assert!(read.is_ok(), "not within {SOON_ENOUGH:?}");
    consumer.stop().await;
}
