//! A topic that is not the one that was read before: refused loudly, nothing skipped in silence.

use messaging::Part;
use testkit::until;

use crate::world::catalogue::Numbered;
use crate::world::log::delete_records;
use crate::world::{
    ECHOES, Instance, Loops, NOTES, Note, Reader, SOON, Service, World, assert_once_in_order, note,
};

async fn read_some(world: &World, reader: &Service, last: i64) {
    world.pen_notes((1..=last).map(|number| note("a", number))).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, last).await;
    consumer.stop().await;
}

/// It says so, and nothing moved.
async fn refused(reader: &Service, read: i64, why: &str) -> Instance {
    let consumer = reader.start(Loops::Consumer).await;
    let said = consumer.says(Part::Consumer, why).await;
    assert!(said.contains("notes/0"), "{said}");
    reader.until_read(NOTES, read).await;
    assert_once_in_order(&reader.effects().await, 1, read);
    consumer
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_told_of_until_it_is_made_and_then_read() {
    let mut world = World::without_topics(1).await;
    world.make_topics_but(NOTES).await;
    let reader = world.reader().await;
    let consumer = reader.start(Loops::Consumer).await;
    let said = consumer.says(Part::Consumer, "storectl topics create").await;
    assert!(said.contains(NOTES), "{said}");
    world.make_topics().await;
    world.pen_notes([note("a", 1)]).await;
    reader.until_effects(1).await;
    until("the trouble is over", SOON, async || consumer.said.of(Part::Consumer).map_or(Ok(()), Err)).await;
    consumer.stop().await;
}

#[tokio::test]
async fn a_topic_made_anew_with_fewer_records_than_were_read_is_refused() {
    let mut world = World::new(1).await;
    let reader = world.reader().await;
    read_some(&world, &reader, 3).await;
    world.delete_topics();
    world.make_topics().await;
    world.pen_notes([note("a", 4)]).await;
    refused(&reader, 3, "it was made anew").await.stop().await;
}

#[tokio::test]
async fn a_topic_made_anew_with_more_records_than_were_read_is_refused() {
    let mut world = World::new(1).await;
    let reader = world.reader().await;
    read_some(&world, &reader, 3).await;
    world.delete_topics();
    world.make_topics().await;
    world.pen_notes((4..=9).map(|number| note("a", number))).await;
    refused(&reader, 3, "the topic was made anew").await.stop().await;
}

#[tokio::test]
async fn a_topic_made_anew_under_its_reader_is_refused() {
    let mut world = World::new(1).await;
    let reader = world.reader().await;
    world.pen_notes((1..=3).map(|number| note("a", number))).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 3).await;
    world.delete_topics();
    world.make_topics().await;
    world.pen_notes((4..=9).map(|number| note("a", number))).await;
    consumer.says(Part::Consumer, "the topic was made anew").await;
    reader.until_read(NOTES, 3).await;
    assert_once_in_order(&reader.effects().await, 1, 3);
    consumer.stop().await;
}

#[tokio::test]
async fn a_topic_that_is_refused_stays_in_trouble_while_others_are_read() {
    let mut world = World::new(1).await;
    let (writer, reader) =
        (world.writer().await, world.service("reader", Reader::of(&[NOTES, ECHOES])).await);
    read_some(&world, &reader, 3).await;
    world.delete_topics();
    world.make_topics().await;
    let consumer = refused(&reader, 3, "it was made anew").await;
    let relay = writer.start(Loops::Relay).await;
    for number in 1..=3 {
        writer.write([Note::Echoed(Numbered { key: "a".into(), number })]).await;
        reader.until_read(ECHOES, number).await;
        let said = consumer.said.of(Part::Consumer);
        assert!(said.as_ref().is_some_and(|said| said.contains("it was made anew")), "{said:?}");
    }
    consumer.stop().await;
    relay.stop().await;
}

#[tokio::test]
async fn records_that_were_removed_before_they_were_read_are_missed_loudly_until_somebody_decides() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    read_some(&world, &reader, 3).await;
    world.pen_notes((4..=9).map(|number| note("a", number))).await;
    delete_records(world.kafka(), &reader.settings.topic(NOTES), 5).await;
    let consumer = refused(&reader, 3, "retention removed records that were not read").await;

    sqlx::query("UPDATE messaging.position SET next_offset = 5, last_event_id = NULL")
        .execute(&reader.pool)
        .await
        .unwrap();
    reader.until_read(NOTES, 9).await;
    let numbers: Vec<i64> = reader.effects().await.iter().map(|effect| effect.number).collect();
    assert_eq!(numbers, [1, 2, 3, 6, 7, 8, 9]);
    consumer.stop().await;
}
