//! Calls to the outside: made until they have a result, concluded once, one at a time and in order per key.

mod faults;
mod sharing;

use std::time::Duration;

use messaging::{Part, Settings};
use testkit::until;

use crate::world::catalogue::moody;
use crate::world::{Call, Instance, Loops, NOTES, SOON, Service, World, note};

/// A call of `key` for the note `number`, at this attempt.
pub fn call(key: &str, number: i64, attempt: i32) -> Call {
    Call { key: key.into(), kind: number.to_string(), attempt }
}

async fn until_well(instance: &Instance) {
    until("the outside is well", SOON, async || instance.said.of(Part::Outside).map_or(Ok(()), Err)).await;
}

/// The consumer of `service` has taken in `notes` that ask for calls; nobody makes them yet.
async fn intended(world: &World, service: &Service, moods: &[(&str, i64, &str)]) {
    world.pen_notes(moods.iter().map(|(key, number, mood)| moody(key, *number, mood))).await;
    let consumer = service.start(Loops::Consumer).await;
    service.until_read(NOTES, i64::try_from(moods.len()).unwrap()).await;
    consumer.stop().await;
}

pub const OPEN: &str = "SELECT count(*) FROM messaging.intent";

#[tokio::test]
async fn each_call_is_made_once_and_concluded_once() {
    let world = World::new(2).await;
    let reader = world.reader().await;
    let both = reader.start(Loops::All).await;
    world.pen_notes((0..40).map(|number| moody(&format!("key-{}", number % 8), number, "call"))).await;
    let outcomes = reader.until_outcomes(40).await;
    reader.until_count(OPEN, 0).await;
    both.stop().await;
    let calls = reader.reader.calls();
    for key in (0..8).map(|key| format!("key-{key}")) {
        let of = |calls: &[Call]| calls.iter().filter(|call| call.key == key).cloned().collect::<Vec<_>>();
        assert_eq!(of(&calls).len(), 5);
        assert_eq!(of(&calls), of(&outcomes));
        assert!(of(&calls).iter().all(|call| call.attempt == 1));
    }
    assert_eq!((calls.len(), reader.outcomes().await.len()), (40, 40));
}

#[tokio::test]
async fn a_call_that_fails_is_made_again_ever_more_slowly_and_the_outage_is_told_until_it_is_over() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    intended(&world, &reader, &[("a", 1, "call:fail 5"), ("b", 1, "call")]).await;
    let slow = Settings { retry_cap_ms: 600, ..reader.settings.clone() };
    let worker = reader.start_with(Loops::Intents, slow).await;
    worker.says(Part::Outside, "the outside is away").await;
    reader.until_outcomes(2).await;
    until_well(&worker).await;
    worker.stop().await;
    assert_eq!(reader.outcomes().await, [call("b", 1, 1), call("a", 1, 6)]);
    let calls = reader.reader.calls();
    let at: Vec<_> = reader.reader.called_at();
    let of_a: Vec<_> =
        (0..calls.len()).filter(|&index| calls[index].key == "a").map(|index| at[index]).collect();
    let waits: Vec<Duration> = of_a.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least_ms) in waits.iter().zip([25, 50, 100, 200, 300]) {
        assert!(*wait >= Duration::from_millis(least_ms), "{waits:?}");
    }
    assert_eq!(waits.len(), 5);
}

#[tokio::test]
async fn calls_of_one_key_wait_for_each_other_and_for_no_other_key() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let notes =
        [("a", 1, "call:hang"), ("a", 2, "call"), ("a", 3, "call"), ("b", 1, "call"), ("b", 2, "call")];
    intended(&world, &reader, &notes).await;
    let worker = reader.start(Loops::Intents).await;
    reader.until_outcomes(2).await;
    assert_eq!(reader.outcomes().await, [call("b", 1, 1), call("b", 2, 1)]);
    let of_a = |calls: Vec<Call>| calls.into_iter().filter(|call| call.key == "a").collect::<Vec<_>>();
    assert_eq!(of_a(reader.reader.calls()), [call("a", 1, 1)]);
    reader.reader.release.add_permits(1);
    assert_eq!(of_a(reader.until_outcomes(5).await), [call("a", 1, 1), call("a", 2, 1), call("a", 3, 1)]);
    assert_eq!(of_a(reader.reader.calls()), [call("a", 1, 1), call("a", 2, 1), call("a", 3, 1)]);
    worker.stop().await;
}

#[tokio::test]
async fn a_call_for_later_waits_until_it_is_woken() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let both = reader.start(Loops::All).await;
    world.pen_notes([moody("a", 1, "call:later"), moody("b", 1, "call")]).await;
    assert_eq!(reader.until_outcomes(1).await, [call("b", 1, 1)]);
    assert_eq!(reader.reader.calls(), [call("b", 1, 1)]);
    world.pen_notes([moody("c", 1, "wake")]).await;
    assert_eq!(reader.until_outcomes(2).await, [call("b", 1, 1), call("a", 1, 1)]);
    both.stop().await;
}

#[tokio::test]
async fn what_is_woken_while_its_call_is_under_way_is_called_again_at_once() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let both = reader.start(Loops::All).await;
    world.pen_notes([moody("a", 1, "call:not yet")]).await;
    reader.until_calls(1).await; // it has looked, and found that it is not the time yet
    world.pen_notes([moody("c", 1, "wake")]).await;
    reader.until_read(NOTES, 2).await;
    reader.reader.release.add_permits(1);
    assert_eq!(reader.until_outcomes(1).await, [call("a", 1, 2)]); // and not in an hour
    both.stop().await;
}

#[tokio::test]
async fn only_what_was_never_tried_is_withdrawn() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let both = reader.start(Loops::All).await;
    world.pen_notes([moody("a", 1, "call:hang"), moody("a", 2, "call"), moody("b", 1, "call:later")]).await;
    assert_eq!(reader.until_calls(1).await, [call("a", 1, 1)]);
    world.pen_notes([moody("a", 3, "withdraw"), moody("b", 2, "withdraw"), note("c", 1)]).await;
    reader.until_read(NOTES, 6).await;
    assert_eq!(reader.count(OPEN).await, 1);
    reader.reader.release.add_permits(1);
    assert_eq!(reader.until_outcomes(1).await, [call("a", 1, 1)]);
    reader.until_count(OPEN, 0).await;
    assert_eq!(reader.reader.calls(), [call("a", 1, 1)]);
    both.stop().await;
}
