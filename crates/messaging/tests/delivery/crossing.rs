//! One event on its way from one service to another.

use crate::world::{ECHOES, Loops, NOTES, Reader, World, note};

#[tokio::test]
async fn an_event_crosses_from_one_service_to_another_and_has_its_effect_once() {
    let world = World::new(3).await;
    let (writer, reader) = (world.writer().await, world.service("reader", Reader::of(&[NOTES])).await);
    writer.write([note("a", 1)]).await;
    let (relay, both) = (writer.start(Loops::Relay).await, reader.start(Loops::All).await);
    let effects = reader.until_effects(1).await;
    assert_eq!((effects[0].key.as_str(), effects[0].number), ("a", 1));
    writer.until_sent().await;
    let echoes = world.until_log(ECHOES, "the echo", |log| !log.is_empty()).await;
    assert_eq!(echoes[0].headers["ce_causationid"], effects[0].event_id.to_string());
    relay.stop().await;
    both.stop().await;
    assert_eq!(reader.effects().await.len(), 1);
}
