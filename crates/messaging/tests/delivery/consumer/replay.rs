//! A listener that hears again: what was before its position, each event once, and nobody else does.

use std::collections::BTreeSet;

use kernel::Timestamp;
use messaging::listener::{Again, Heard, Listener, Listening};
use messaging::replay::{From, Places, Refusal, Replays, Wish};
use messaging::{Handler as _, Received, Refused};
use sqlx::PgConnection;
use testkit::until;

use crate::world::log::Forged;
use crate::world::service::{Loaded, Tables};
use crate::world::{LABELS, Loops, NOTED, NOTES, Note, Reader, SOON, Service, World, by_key, note};

/// The small service without its echoes and calls.
#[derive(Clone, Debug)]
pub struct Ear(pub Reader, pub Again);

impl Listener for Ear {
    type Event = Note;
    type Key = String;
    type Loaded = Loaded;

    fn topics(&self) -> &'static [&'static str] {
        self.0.topics()
    }

    fn again(&self) -> Again {
        self.1
    }

    fn keys(&self, event: &Note, keys: &mut BTreeSet<String>) {
        self.0.keys(event, keys);
    }

    fn hear(&self, loaded: &mut Loaded, received: &Received<Note>, now: Timestamp) -> Result<Heard, Refused> {
        self.0.decide(loaded, received, now, &kernel::clock::SystemIds).map(|_| Heard::Kept)
    }
}

impl messaging::Repository<Listening<Ear>> for Tables {
    async fn load(
        &self,
        connection: &mut PgConnection,
        keys: &BTreeSet<String>,
    ) -> Result<Loaded, messaging::StoreError> {
        messaging::Repository::<Reader>::load(self, connection, keys).await
    }

    async fn save(&self, connection: &mut PgConnection, loaded: Loaded) -> Result<(), messaging::StoreError> {
        messaging::Repository::<Reader>::save(self, connection, loaded).await
    }
}

fn wish(from: From) -> Wish {
    let (who, why) = ("tester".to_owned(), "to hear it again".to_owned());
    Wish { group: "reader".into(), topic: Some(NOTES.into()), from, who, why }
}

/// Closes the test's own connections first: whoever is connected is in the way.
async fn replays(service: &Service) -> Replays {
    service.pool.close().await;
    let replays = Replays::at(service.database.url(), None).unwrap();
    until("nobody is connected any more", SOON, async || {
        match replays.look_ahead(&service.settings, &wish(From::Beginning)).await {
            Err(refusal @ (Refusal::Connected(_) | Refusal::Members { .. })) => Err(refusal.to_string()),
            _ => Ok(()),
        }
    })
    .await;
    replays
}

async fn reopened(mut service: Service) -> Service {
    service.pool = service.database.pool().await.unwrap();
    service
}

/// Three events, the first of which is in the log twice.
async fn heard_once(world: &World, again: Again) -> Service {
    let reader = world.reader().await;
    let (pen, schema) = (world.pen(NOTES), world.schema_id(NOTED).await);
    let records: Vec<Forged> = [note("a", 1), note("b", 1), note("a", 2)]
        .iter()
        .map(|event| Forged::good(event, schema, 1))
        .collect();
    pen.write([&records[0], &records[0], &records[1], &records[2]].map(Clone::clone)).await;
    let listener = reader.listen(again).await;
    reader.until_read(NOTES, 4).await;
    listener.stop().await;
    reader
}

#[tokio::test]
async fn a_listener_hears_again_what_was_before_its_position_each_event_once_and_it_is_written_down() {
    let world = World::new(1).await;
    let reader = heard_once(&world, Again::AsItIs).await;
    assert_eq!(
        by_key(&reader.effects().await),
        [("a".to_owned(), vec![1, 2]), ("b".to_owned(), vec![1])].into()
    );

    let replays = replays(&reader).await;
    let planned = replays.look_ahead(&reader.settings, &wish(From::Beginning)).await.unwrap();
    assert_eq!((planned.replay, planned.records(), planned.parts.len()), (None, 4, 1));
    assert_eq!((planned.parts[0].from, planned.parts[0].to), (0, 4));
    let done = replays.carry_out(&reader.settings, &wish(From::Beginning)).await.unwrap();
    assert_eq!((&done.parts, done.records()), (&planned.parts, 4));
    drop(replays);

    let reader = reopened(reader).await;
    let kept = "SELECT count(*) FROM messaging.replay JOIN messaging.replay_part ON replay = id
                WHERE who = 'tester' AND reason = 'to hear it again' AND from_offset = 0 AND to_offset = 4";
    assert_eq!(reader.count(kept).await, 1, "who, why and what is kept");
    let listener = reader.listen(Again::AsItIs).await;
    reader.until_read(NOTES, 4).await;
    listener.stop().await;
    let twice = [("a".to_owned(), vec![1, 2, 1, 2]), ("b".to_owned(), vec![1, 1])];
    assert_eq!(
        by_key(&reader.effects().await),
        twice.into(),
        "the repeat in the log is dropped this time too"
    );
    let replayed = "SELECT count(*) FROM messaging.position WHERE replay_to = 4";
    assert_eq!(reader.count(replayed).await, 1);
}

#[tokio::test]
async fn a_replay_from_an_offset_or_a_time_begins_there_and_never_skips_forward() {
    let world = World::new(1).await;
    let reader = heard_once(&world, Again::AsItIs).await;
    let replays = replays(&reader).await;
    let planned = async |from| replays.look_ahead(&reader.settings, &wish(from)).await;
    let plan = planned(From::Offset(3)).await.unwrap();
    assert_eq!((plan.parts[0].from, plan.records()), (3, 1));
    assert!(matches!(planned(From::Offset(4)).await, Err(Refusal::Nothing)), "it is there already");
    assert!(matches!(planned(From::Offset(99)).await, Err(Refusal::Nothing)), "it would skip records");
    let plan = planned(From::Time(Timestamp::EPOCH)).await.unwrap();
    assert_eq!((plan.parts[0].from, plan.records()), (0, 4));
    let later = Timestamp::parse("2999-01-01T00:00:00Z").unwrap();
    assert!(matches!(planned(From::Time(later)).await, Err(Refusal::Nothing)));
}

#[tokio::test]
async fn a_replay_from_the_places_of_somebody_else_begins_at_each_and_where_there_is_none_at_none() {
    let world = World::new(1).await;
    let reader = heard_once(&world, Again::AsItIs).await;
    let replays = replays(&reader).await;
    let at = |topic: &str, next| {
        let next = [((topic.to_owned(), 0), next)].into();
        From::Places(Places { of: "a checkpoint".to_owned(), next })
    };
    let planned = async |from| replays.look_ahead(&reader.settings, &wish(from)).await;
    assert!(matches!(planned(at("others", 2)).await, Err(Refusal::NoPlace { .. })));
    assert!(matches!(planned(at(NOTES, 4)).await, Err(Refusal::Nothing)), "it is there already");
    let done = replays.carry_out(&reader.settings, &wish(at(NOTES, 2))).await.unwrap();
    assert_eq!((done.parts[0].from, done.records()), (2, 2));
    drop(replays);

    let reader = reopened(reader).await;
    let kept = "SELECT count(*) FROM messaging.replay WHERE begin_at = 'a checkpoint'";
    assert_eq!(reader.count(kept).await, 1, "what it was begun from is kept");
    let listener = reader.listen(Again::AsItIs).await;
    reader.until_read(NOTES, 4).await;
    listener.stop().await;
    let twice = [("a".to_owned(), vec![1, 2, 2]), ("b".to_owned(), vec![1, 1])];
    assert_eq!(by_key(&reader.effects().await), twice.into());
}

#[tokio::test]
async fn a_listener_that_counts_is_replayed_whole_and_from_nothing() {
    let world = World::new(1).await;
    let reader = heard_once(&world, Again::Anew(&["effect", "tally"])).await;
    let replays = replays(&reader).await;
    let part = replays.look_ahead(&reader.settings, &wish(From::Offset(1))).await;
    assert!(matches!(part, Err(Refusal::OnlyAnew(_))), "{part:?}");
    let done = replays.carry_out(&reader.settings, &wish(From::Beginning)).await.unwrap();
    assert_eq!(done.empties, ["effect", "tally"]);
    drop(replays);
    let reader = reopened(reader).await;
    assert!(reader.effects().await.is_empty());
    let listener = reader.listen(Again::Anew(&["effect", "tally"])).await;
    reader.until_read(NOTES, 4).await;
    listener.stop().await;
    assert_eq!(
        by_key(&reader.effects().await),
        [("a".to_owned(), vec![1, 2]), ("b".to_owned(), vec![1])].into()
    );
}

#[tokio::test]
async fn nobody_is_replayed_who_publishes_or_reads_or_does_not_read_that() {
    let world = World::new(1).await;
    let reader = heard_once(&world, Again::AsItIs).await;
    let listener = reader.listen(Again::AsItIs).await;
    reader.until_declared(1).await;
    crate::world::group::until_shared(&reader, &[&listener]).await;
    let url = reader.database.url().to_owned();
    let refused = Replays::at(&url, None).unwrap().carry_out(&reader.settings, &wish(From::Beginning)).await;
    assert!(matches!(refused, Err(Refusal::Members { .. })), "{refused:?}");
    listener.stop().await;
    let refused = Replays::at(&url, None).unwrap().carry_out(&reader.settings, &wish(From::Beginning)).await;
    assert!(matches!(refused, Err(Refusal::Connected(_))), "the test itself is connected: {refused:?}");

    // The same name, by a build that publishes: what was declared before is taken back.
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_declared(0).await;
    consumer.stop().await;
    let (settings, replays) = (reader.settings.clone(), replays(&reader).await);
    let refused = replays.carry_out(&settings, &wish(From::Beginning)).await;
    assert!(matches!(refused, Err(Refusal::NotAListener(_))), "{refused:?}");
    drop(replays);

    let reader = reopened(reader).await;
    let listener = reader.listen(Again::AsItIs).await;
    reader.until_declared(1).await;
    listener.stop().await;
    let replays = self::replays(&reader).await;
    let other = Wish { topic: Some(LABELS.into()), ..wish(From::Beginning) };
    let refused = replays.carry_out(&settings, &other).await;
    assert!(matches!(refused, Err(Refusal::NotRead { .. })), "{refused:?}");
    let nobody = Wish { why: " ".into(), ..wish(From::Beginning) };
    assert!(matches!(replays.carry_out(&settings, &nobody).await, Err(Refusal::NoReason)));
}
