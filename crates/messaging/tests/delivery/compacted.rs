//! Topics where the last word wins for ever: a late repeat of an older one must not be it.

use std::time::Duration;

use messaging::Settings;
use testkit::{Proxy, until};

use crate::world::catalogue::Numbered;
use crate::world::log::numbers;
use crate::world::{Instance, LABELS, Loops, NOTES, Note, Reader, SOON, Service, World, note};

fn label(number: i64) -> Note {
    Note::Labelled(Numbered { key: "a".into(), number })
}

async fn relay_by_way_of(writer: &Service, proxy: &Proxy) -> Instance {
    writer
        .start_with(Loops::Relay, Settings { kafka_bootstrap: proxy.address(), ..writer.settings.clone() })
        .await
}

async fn until_something_is_held(proxy: &Proxy) {
    until("the relay speaks to Kafka", SOON, async || if proxy.held() > 0 { Ok(()) } else { Err("not yet") })
        .await;
}

#[tokio::test]
async fn an_erasure_is_a_null_value_and_arrives_as_an_event() {
    let world = World::new(1).await;
    let (writer, reader) = (world.writer().await, world.service("reader", Reader::of(&[LABELS])).await);
    writer.write([label(1), Note::Unlabelled("a".into())]).await;
    let (relay, consumer) = (writer.start(Loops::Relay).await, reader.start(Loops::Consumer).await);
    let effects = reader.until_effects(2).await;
    assert_eq!(effects.iter().map(|effect| effect.number).collect::<Vec<_>>(), [1, -1]);
    let log = world.log(LABELS).await;
    assert!(log[0].value.is_some() && log[1].value.is_none());
    assert!(!log[1].headers.contains_key("ce_dataschema"));
    writer.until_sent().await;
    relay.stop().await;
    // The marker of the transaction stands behind the last record; a restart must not stumble over it.
    consumer.stop().await;
    let (relay, consumer) = (writer.start(Loops::Relay).await, reader.start(Loops::Consumer).await);
    writer.write([label(3)]).await;
    reader.until_effects(3).await;
    relay.stop().await;
    consumer.stop().await;
}

#[tokio::test]
async fn a_relay_that_slept_is_fenced_by_the_one_that_took_over() {
    let world = World::new(1).await;
    let writer = world.writer().await;
    let proxy = Proxy::to_kafka(world.kafka()).await.unwrap();
    let sleeper = relay_by_way_of(&writer, &proxy).await;
    writer.write([label(1)]).await;
    writer.until_sent().await;

    proxy.hold();
    writer.write([label(2)]).await;
    until_something_is_held(&proxy).await;
    let asleep = sleeper.freeze().await;
    writer.write([label(3)]).await;
    let other = writer.start(Loops::Relay).await;
    writer.until_sent().await;
    drop(asleep);
    proxy.open();
    writer.write([label(4)]).await;
    writer.until_sent().await;
    sleeper.stop_within(Duration::from_secs(10)).await;
    other.stop().await;
    let said = numbers(&world.log(LABELS).await)["a"].clone();
    assert!(said.is_sorted() && said.last() == Some(&4), "{said:?}");
}

#[tokio::test]
async fn a_relay_that_is_late_to_begin_does_not_publish_what_it_read_long_ago() {
    let world = World::new(1).await;
    let writer = world.writer().await;
    let proxy = Proxy::to_kafka(world.kafka()).await.unwrap();
    proxy.hold();
    writer.write([label(1)]).await;
    let late = relay_by_way_of(&writer, &proxy).await;
    // The second client is the fenced producer: the row is read, and the producer is not the owner of anything yet.
    until(
        "two clients speak to Kafka",
        SOON,
        async || if proxy.held() >= 2 { Ok(()) } else { Err(proxy.held()) },
    )
    .await;
    let asleep = late.freeze().await;
    writer.write([label(2)]).await;
    let other = writer.start(Loops::Relay).await;
    writer.until_sent().await;
    drop(asleep);
    proxy.open();
    late.stop_within(Duration::from_secs(15)).await;
    writer.write([label(3)]).await;
    writer.until_sent().await;
    other.stop().await;
    let said = numbers(&world.log(LABELS).await)["a"].clone();
    assert!(said.is_sorted() && said.last() == Some(&3), "{said:?}");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_broker_that_hangs() {
    let world = World::new(1).await;
    let writer = world.writer().await;
    let proxy = Proxy::to_kafka(world.kafka()).await.unwrap();
    let relay = relay_by_way_of(&writer, &proxy).await;
    writer.write([label(1), note("a", 1)]).await;
    writer.until_sent().await;
    proxy.hold();
    writer.write([label(2), note("a", 2)]).await;
    until_something_is_held(&proxy).await;
    relay.stop_within(Duration::from_secs(5)).await;

    proxy.cut();
    let other = writer.start(Loops::Relay).await;
    writer.until_sent().await;
    other.stop().await;
    for topic in [LABELS, NOTES] {
        assert_eq!(numbers(&world.log(topic).await)["a"], [1, 2], "{topic}");
    }
}
