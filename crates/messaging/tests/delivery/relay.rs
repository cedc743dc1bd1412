//! From the outbox to the log: nothing lost, nothing overtaken, whoever dies or sleeps.

use std::time::Duration;

use kernel::clock::SystemIds;
use kernel::{EventId, Ids as _};
use messaging::{Outgoing, Part, Settings};
use testkit::{Proxy, until};

use crate::world::catalogue::{Noted, Numbered, OldNote};
use crate::world::log::{firsts, numbers};
use crate::world::{
    ECHOES, LATE, Loops, NOTED, NOTES, Note, Reader, SOON, Service, World, assert_once_in_order, note,
    register,
};

/// Waits until the relays called `names` hold this many shards together.
async fn until_held(service: &Service, names: &[&str], shards: i64) {
    until(format!("{shards} shards are held"), SOON, async || {
        let query = "SELECT count(*) FROM messaging.relay_lease WHERE owner = ANY($1) AND until > now()";
        let held: i64 = sqlx::query_scalar(query).bind(names).fetch_one(&service.pool).await.unwrap();
        if held == shards { Ok(()) } else { Err(held) }
    })
    .await;
}

fn by_way_of(settings: &Settings, proxy: &Proxy) -> Settings {
    Settings { kafka_bootstrap: proxy.address(), ..settings.clone() }
}

#[tokio::test]
async fn a_crash_between_commit_and_publish_loses_nothing() {
    let world = World::new(2).await;
    let (writer, reader) = (world.writer().await, world.reader().await);
    let proxy = Proxy::to_kafka(world.kafka()).await.unwrap();
    proxy.hold();
    writer.write_many(5, 1..=4).await;
    let doomed = writer.start_with(Loops::Relay, by_way_of(&writer.settings, &proxy)).await;
    until_held(&writer, &[&doomed.name], 17).await;
    until("the relay speaks to Kafka", SOON, async || if proxy.held() > 0 { Ok(()) } else { Err("not yet") })
        .await;
    doomed.kill().await;
    drop(proxy);
    assert_eq!(writer.unsent().await, 20);

    let (relay, consumer) = (writer.start(Loops::Relay).await, reader.start(Loops::Consumer).await);
    assert_once_in_order(&reader.until_effects(20).await, 5, 4);
    writer.until_sent().await;
    relay.stop().await;
    consumer.stop().await;
}

#[tokio::test]
async fn a_crash_between_publish_and_delete_sends_again_and_the_effect_is_once() {
    let world = World::new(2).await;
    let (writer, reader) = (world.writer().await, world.reader().await);
    writer.write((0..10).map(|key| note(&format!("key-{key}"), 1))).await;
    let consumer = reader.start(Loops::Consumer).await;

    // The relay can read the rows but not delete them.
    let mut lock = writer.pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM messaging.outbox FOR UPDATE").execute(&mut *lock).await.unwrap();
    let doomed = writer.start(Loops::Relay).await;
    world.until_log(NOTES, "everything is published", |log| log.len() == 10).await;
    doomed.kill().await;
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    .execute(&writer.pool)
    .await
    .unwrap();
    lock.rollback().await.unwrap();
    assert_eq!(writer.unsent().await, 10);

    let relay = writer.start(Loops::Relay).await;
    writer.until_sent().await;
    world.until_log(NOTES, "everything is published again", |log| log.len() == 20).await;
    reader.until_read(NOTES, 20).await;
    assert_once_in_order(&reader.effects().await, 10, 1);
    relay.stop().await;
    consumer.stop().await;
}

#[tokio::test]
async fn two_relays_share_the_work_and_nothing_is_published_twice() {
    let world = World::new(3).await;
    let writer = world.writer().await;
    let (one, two) = (writer.start(Loops::Relay).await, writer.start(Loops::Relay).await);
    for name in [&one.name, &two.name] {
        until(format!("{name} has its share"), SOON, async || {
            let query = "SELECT count(*) FROM messaging.relay_lease WHERE owner = $1 AND until > now()";
            let held: i64 = sqlx::query_scalar(query).bind(name).fetch_one(&writer.pool).await.unwrap();
            if held >= 8 { Ok(()) } else { Err(held) }
        })
        .await;
    }
    writer.write_many(32, 1..=20).await;
    writer.until_sent().await;
    let log = world.log(NOTES).await;
    for (key, numbers) in numbers(&log) {
        assert_eq!(numbers, (1..=20).collect::<Vec<_>>(), "{key}");
    }
    assert_eq!(log.len(), 640);
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn a_relay_that_slept_beyond_its_lease_repeats_but_never_overtakes() {
    let world = World::new(2).await;
    let (writer, reader) = (world.writer().await, world.reader().await);
    let proxy = Proxy::to_kafka(world.kafka()).await.unwrap();
    let sleeper = writer.start_with(Loops::Relay, by_way_of(&writer.settings, &proxy)).await;
    writer.write_many(8, 1..=2).await;
    writer.until_sent().await;

    proxy.hold();
    writer.write_many(8, 3..=6).await;
    until("records are on their way", SOON, async || if proxy.held() > 0 { Ok(()) } else { Err("not yet") })
        .await;
    let asleep = sleeper.freeze().await;
    let other = writer.start(Loops::Relay).await;
    until_held(&writer, &[&other.name], 17).await;
    writer.write_many(8, 7..=8).await;
    writer.until_sent().await;
    drop(asleep);
    proxy.open();
    world.until_log(NOTES, "what was on its way arrives late", |log| log.len() > 64).await;
    writer.write_many(8, 9..=10).await;
    writer.until_sent().await;

    let consumer = reader.start(Loops::Consumer).await;
    assert_once_in_order(&reader.until_effects(80).await, 8, 10);
    sleeper.stop().await;
    other.stop().await;
    for (key, numbers) in numbers(&world.log(NOTES).await) {
        assert_eq!(firsts(&numbers), (1..=10).collect::<Vec<_>>(), "{key}: {numbers:?}");
    }
    assert_eq!(reader.effects().await.len(), 80);
    consumer.stop().await;
}

#[tokio::test]
async fn events_of_a_schema_that_is_not_registered_wait_with_their_key_until_it_is_pushed() {
    let world = World::new(2).await;
    let writer = world.writer().await;
    let late = Note::Late(Numbered { key: "a".into(), number: 1 });
    writer.write([late, note("a", 2), note("b", 1)]).await;
    let relay = writer.start(Loops::Relay).await;
    writer.write([note("b", 2)]).await;
    world.until_log(NOTES, "the other key goes on", |log| log.len() == 2).await;
    let said = relay.says(Part::Registry, "storectl schemas push").await;
    assert!(said.contains(*LATE), "{said}");
    writer.until_unsent(2).await; // what is sent is deleted a moment later
    assert_eq!(numbers(&world.log(NOTES).await), [("b".into(), vec![1, 2])].into());

    register(&world.parts, *LATE, <Note as kernel::Event>::schema_text_of(*LATE).unwrap()).await;
    writer.until_sent().await;
    assert_eq!(numbers(&world.log(NOTES).await)["a"], [1, 2]);
    until("the trouble is over", SOON, async || relay.said.of(Part::Registry).map_or(Ok(()), Err)).await;
    relay.stop().await;
}

#[tokio::test]
async fn rows_of_an_older_build_are_published_under_the_schema_they_were_written_with() {
    let world = World::new(1).await;
    let (writer, reader) = (world.writer().await, world.reader().await);
    let noted =
        Noted { key: "a".into(), number: 1, mood: String::new(), remark: "not in the old schema".into() };
    writer
        .write_outgoing(vec![Outgoing { id: EventId(SystemIds.next()), sequence: 1, event: OldNote(noted) }])
        .await;
    writer.write([note("a", 2)]).await;
    let (relay, consumer) = (writer.start(Loops::Relay).await, reader.start(Loops::Consumer).await);
    assert_once_in_order(&reader.until_effects(2).await, 1, 2);
    let log = world.log(NOTES).await;
    let ours = world.schema_id(NOTED).await;
    assert_eq!(log[1].schema_id(), ours);
    assert_ne!(log[0].schema_id(), ours);
    assert!(log[0].headers["ce_dataschema"].ends_with(&format!("/schemas/ids/{}", log[0].schema_id())));
    relay.stop().await;
    consumer.stop().await;
}

#[tokio::test]
async fn a_topic_that_does_not_exist_holds_back_its_own_events_only() {
    let mut world = World::without_topics(1).await;
    world.make_topics_but(ECHOES).await;
    let writer = world.writer().await;
    writer.write([Note::Echoed(Numbered { key: "a".into(), number: 1 }), note("a", 1)]).await;
    let relay = writer.start(Loops::Relay).await;
    world.until_log(NOTES, "the other topic goes on", |log| log.len() == 1).await;
    relay.says(Part::Relay, "storectl topics create").await;
    world.make_topics().await;
    writer.until_sent().await;
    assert_eq!(world.log(ECHOES).await.len(), 1);
    relay.stop().await;
}

#[tokio::test]
async fn while_kafka_is_away_events_wait_and_then_go_out_in_order() {
    let world = World::new(2).await;
    let writer = world.writer().await;
    let proxy = Proxy::to_kafka(world.kafka()).await.unwrap();
    let relay = writer.start_with(Loops::Relay, by_way_of(&writer.settings, &proxy)).await;
    writer.write_many(4, 1..=2).await;
    writer.until_sent().await;
    for round in 0..3 {
        proxy.cut();
        writer.write_many(4, 3 + round * 5..=7 + round * 5).await;
        relay.says(Part::Relay, "no broker answers").await;
        assert!(writer.unsent().await > 0);
        proxy.open();
        writer.until_sent().await;
    }
    for (key, numbers) in numbers(&world.log(NOTES).await) {
        assert_eq!(firsts(&numbers), (1..=17).collect::<Vec<_>>(), "{key}: {numbers:?}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn while_the_database_is_away_the_relay_waits_and_then_goes_on() {
    let world = World::new(2).await;
    let writer = world.writer().await;
    let proxy = Proxy::to(world.postgres()).await.unwrap();
    let relay = writer.start_by_way_of(Loops::Relay, writer.settings.clone(), &proxy).await;
    for round in 0..4 {
        writer.write_many(6, 1 + round * 3..=3 + round * 3).await;
        if round % 2 == 0 {
            proxy.cut();
            tokio::task::yield_now().await;
        }
        writer.write_many(6, 13 + round..=13 + round).await;
        proxy.open();
    }
    writer.until_sent().await;
    let sent: Vec<usize> =
        numbers(&world.log(NOTES).await).values().map(|numbers| firsts(numbers).len()).collect();
    assert_eq!(sent, [16; 6]);
    relay.stop().await;
}

#[tokio::test]
async fn another_instances_rows_wake_the_relay_without_a_poll() {
    let world = World::new(1).await;
    let writer = world.service("writer", Reader::of(&[NOTES])).await;
    let patient = Settings { poll_ms: 60_000, ..writer.settings.clone() };
    // The consumer's echoes are written by one instance; the relay of each wakes the other.
    let one = writer.start_with(Loops::All, patient.clone()).await;
    let two = writer.start_with(Loops::All, patient).await;
    until_held(&writer, &[&one.name, &two.name], 17).await;
    let pen = world.pen(NOTES);
    let schema = world.schema_id(NOTED).await;
    pen.write((0..8).map(|key| crate::world::Forged::good(&note(&format!("key-{key}"), 1), schema, 1))).await;
    let soon = Duration::from_secs(20);
    until("all echoes are sent", soon, async || {
        let (effects, unsent) = (writer.effects().await.len(), writer.unsent().await);
        if (effects, unsent) == (8, 0) { Ok(()) } else { Err(format!("{effects} effects, {unsent} unsent")) }
    })
    .await;
    one.stop().await;
    two.stop().await;
}
