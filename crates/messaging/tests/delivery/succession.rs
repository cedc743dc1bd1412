//! An instance that was killed and comes back under its name: it does not wait until its former self is given up.

use messaging::Settings;
use testkit::Proxy;

use crate::intents::{OPEN, call};
use crate::world::catalogue::moody;
use crate::world::{Loops, Service, World};

/// Whoever waits for any of these waits for longer than the test does.
fn long_lived(service: &Service, name: &str) -> Settings {
    Settings {
        instance: Some(name.to_owned()),
        session_timeout_ms: 300_000,
        relay_lease_ms: 300_000,
        intent_lease_ms: 300_000,
        ..service.settings.clone()
    }
}

#[tokio::test]
async fn who_was_killed_takes_back_its_partitions_shards_and_calls_at_once() {
    let world = World::new(2).await;
    let reader = world.reader().await;
    let kafka = Proxy::to_kafka(world.kafka()).await.unwrap();
    let by_way = Settings { kafka_bootstrap: kafka.address(), ..long_lived(&reader, "one") };
    let doomed = reader.start_with(Loops::All, by_way).await;
    world.pen_notes([moody("a", 1, "call:hang")]).await;
    assert_eq!(reader.until_calls(1).await, [call("a", 1, 1)]);
    kafka.cut(); // nobody says good-bye
    doomed.kill().await;

    reader.reader.release.add_permits(2);
    let back = reader.start_with(Loops::All, long_lived(&reader, "one")).await;
    world.pen_notes([moody("b", 1, "call")]).await;
    reader.until_outcomes(2).await;
    reader.until_count(OPEN, 0).await;
    reader.until_sent().await;
    back.stop().await;
}
