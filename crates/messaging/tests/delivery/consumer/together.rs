//! Partitions share transactions; what happens to a record of one is no matter of the others.

use std::collections::BTreeSet;

use crate::world::catalogue::moody;
use crate::world::{Loops, NOTES, Note, World, assert_once_in_order, by_key, note};

fn notes(numbers: std::ops::RangeInclusive<i64>) -> impl Iterator<Item = Note> {
    numbers.flat_map(|number| (0..12).map(move |key| note(&format!("key-{key}"), number)))
}

/// Keys that stand in another partition than `key`.
async fn away_from(world: &World, key: &str) -> BTreeSet<String> {
    let log = world.log(NOTES).await;
    let held = log.iter().find(|entry| entry.key == key).unwrap().partition;
    log.iter().filter(|entry| entry.partition != held).map(|entry| entry.key.clone()).collect()
}

#[tokio::test]
async fn a_partition_whose_record_waits_for_a_lock_does_not_hold_up_the_others() {
    let world = World::new(4).await;
    let reader = world.reader().await;
    let give_up_soon = "DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET lock_timeout = ''300ms''', current_database()); END $$";
    reader.database.as_admin(give_up_soon).await.unwrap();
    world.pen_notes(notes(1..=3)).await;
    let others = away_from(&world, "key-0").await;
    assert!(!others.is_empty());
    let mut lock = reader.pool.begin().await.unwrap();
    sqlx::query("INSERT INTO tally (key) VALUES ('key-0')").execute(&mut *lock).await.unwrap();

    let consumer = reader.start(Loops::Consumer).await;
    let effects = reader.until_effects(others.len() * 3).await;
    assert!(effects.iter().all(|effect| effect.key != "key-0"));
    world.pen_notes(notes(4..=5)).await;
    let effects = reader.until_effects(others.len() * 5).await;
    let of_others: Vec<_> = effects.into_iter().filter(|effect| others.contains(&effect.key)).collect();
    assert_once_in_order(&of_others, i64::try_from(others.len()).unwrap(), 5);

    lock.rollback().await.unwrap();
    reader.until_read(NOTES, 60).await;
    assert_once_in_order(&reader.effects().await, 12, 5);
    assert_eq!(reader.parked().await, []);
    consumer.stop().await;
}

#[tokio::test]
async fn a_record_that_fails_is_found_among_those_of_all_partitions_and_only_its_key_is_parked() {
    let world = World::new(4).await;
    let reader = world.reader().await;
    for mood in ["refuse", "panic", "panic while naming keys", "fault"] {
        let bad = format!("bad: {mood}");
        world.pen_notes(notes(1..=1).chain([moody(&bad, 1, mood), note(&bad, 2)])).await;
    }
    let consumer = reader.start(Loops::Consumer).await;
    let parked: BTreeSet<_> = reader.until_parked(8).await.into_iter().collect();
    reader.until_read(NOTES, 4 * 14).await;
    let wanted = [
        ("refuse", "refused"),
        ("panic", "panicked"),
        ("panic while naming keys", "panicked"),
        ("fault", "failed"),
    ];
    let wanted = wanted
        .iter()
        .flat_map(|(mood, kind)| [*kind, "behind"].map(|kind| (format!("bad: {mood}"), kind.to_owned())));
    assert_eq!(parked, wanted.collect());
    let effects = by_key(&reader.effects().await);
    assert_eq!(effects.len(), 12);
    assert!(effects.values().all(|numbers| *numbers == [1, 1, 1, 1]), "{effects:?}");
    consumer.stop().await;
}
