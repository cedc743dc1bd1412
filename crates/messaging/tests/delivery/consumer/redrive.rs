//! Dead letters that are taken up again: once in effect, in order, and nothing that comes meanwhile overtakes them.

use messaging::dead_letters::{DeadLetters, Filter, Progress, Refusal, What, Wish};
use testkit::until;

use crate::world::catalogue::moody;
use crate::world::log::Forged;
use crate::world::{ECHOES, Loops, NOTED, NOTES, SOON, Service, World, by_key, note};

fn wish(what: What, filter: Filter) -> Wish {
    Wish { what, filter, whole_keys: false, who: "tester".into(), why: Some("it was asked for".into()) }
}

fn of_key(key: &str) -> Filter {
    Filter { key: Some(key.into()), ..Filter::default() }
}

fn letters(service: &Service) -> DeadLetters {
    DeadLetters::over(service.pool.clone())
}

async fn asked(service: &Service, wish: Wish) -> Progress {
    let action = letters(service).ask(&wish).await.unwrap().action.unwrap();
    done(service, action).await
}

async fn done(service: &Service, action: i64) -> Progress {
    until("the action is done", SOON, async || {
        let progress = letters(service).progress(action).await.unwrap();
        if progress.done { Ok(progress) } else { Err(format!("{progress:?}")) }
    })
    .await
}

fn numbers(wanted: &[(&str, &[i64])]) -> std::collections::BTreeMap<String, Vec<i64>> {
    wanted.iter().map(|(key, numbers)| ((*key).to_owned(), numbers.to_vec())).collect()
}

#[tokio::test]
async fn what_is_redriven_has_its_effect_once_in_order_however_often_it_is_asked_for() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    world.pen_notes([moody("a", 1, "sick"), note("a", 2), moody("b", 1, "sick"), note("a", 3)]).await;
    let instance = reader.start(Loops::All).await;
    reader.until_parked(4).await;
    reader.reader.heal();
    let all = wish(What::Redrive, Filter::default());
    let first = letters(&reader).ask(&all).await.unwrap().action.unwrap();
    let second = letters(&reader).ask(&all).await;
    let progress = done(&reader, first).await;
    assert_eq!((progress.redriven, progress.failed, progress.behind), (4, 0, 0), "{progress:?}");
    if let Ok(second) = second {
        let again = done(&reader, second.action.unwrap()).await;
        assert_eq!((again.redriven, again.gone), (0, 4), "{again:?}");
    }
    assert_eq!(by_key(&reader.effects().await), numbers(&[("a", &[1, 2, 3]), ("b", &[1])]));
    assert!(matches!(letters(&reader).ask(&all).await, Err(Refusal::Nothing)));
    // What they make happen is published, and the key is open again.
    world.pen_notes([note("a", 4)]).await;
    reader.until_effects(5).await;
    world.until_log(ECHOES, "an echo of each", |entries| entries.len() == 5).await;
    instance.stop().await;
}

#[tokio::test]
async fn nothing_is_redriven_before_what_is_ahead_of_it_in_its_key() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let records =
        [moody("a", 1, "sick"), note("a", 2), moody("a", 3, "refuse"), note("a", 4), moody("b", 1, "sick")];
    world.pen_notes(records).await;
    let instance = reader.start(Loops::Consumer).await;
    reader.until_parked(5).await;
    let parked = letters(&reader).list(&of_key("a")).await.unwrap();
    let second = Filter { ids: vec![parked[1].id], ..Filter::default() };
    let refused = letters(&reader).ask(&wish(What::Redrive, second.clone())).await.unwrap_err();
    assert!(refused.to_string().contains("--all-of-key"), "{refused}");

    // Still sick: everything stays as it is, in its order, with one more try of the first.
    let progress = asked(&reader, wish(What::Redrive, of_key("a"))).await;
    assert_eq!((progress.redriven, progress.failed, progress.behind), (0, 1, 3), "{progress:?}");
    let attempts: Vec<i32> =
        letters(&reader).list(&of_key("a")).await.unwrap().iter().map(|letter| letter.attempts).collect();
    assert_eq!(attempts, [2, 1, 1, 1]);

    // The third is against a rule: the first two go, it stays, the fourth stays behind it.
    reader.reader.heal();
    let whole = Wish { whole_keys: true, ..wish(What::Redrive, second) };
    let progress = asked(&reader, whole).await;
    assert_eq!((progress.redriven, progress.failed, progress.behind), (2, 1, 1), "{progress:?}");
    assert_eq!(by_key(&reader.effects().await), numbers(&[("a", &[1, 2])]), "and b was not asked for");
    let stay = letters(&reader).list(&of_key("a")).await.unwrap();
    let kinds: Vec<_> = stay.iter().map(|letter| (letter.id, letter.kind.as_str())).collect();
    assert_eq!(kinds, [(parked[2].id, "refused"), (parked[3].id, "behind")]);
    instance.stop().await;
}

#[tokio::test]
async fn what_comes_of_a_key_while_it_is_redriven_does_not_overtake() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    world.pen_notes([moody("a", 1, "sick"), note("a", 2)]).await;
    let instance = reader.start(Loops::Consumer).await;
    reader.until_parked(2).await;
    reader.reader.heal();
    let lock = reader.lock_effects().await;
    let whole = Wish { whole_keys: true, ..wish(What::Redrive, of_key("a")) };
    let action = letters(&reader).ask(&whole).await.unwrap().action.unwrap();
    reader.until_locked().await;
    // The redrive stands in the middle of its transaction. The next of the key, and of another in its partition, wait.
    world.pen_notes([note("a", 3), note("b", 1)]).await;
    let two = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    reader.until_count(two, 2).await;
    assert_eq!(reader.parked().await.len(), 2);
    lock.rollback().await.unwrap();
    done(&reader, action).await;
    reader.until_effects(4).await;
    assert_eq!(reader.parked().await.len(), 2, "what came waited for the position and was not parked");
    assert_eq!(by_key(&reader.effects().await), numbers(&[("a", &[1, 2, 3]), ("b", &[1])]));
    instance.stop().await;
}

#[tokio::test]
async fn records_that_came_behind_a_request_are_redriven_with_their_whole_key() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    world.pen_notes([moody("a", 1, "sick"), note("a", 2)]).await;
    let instance = reader.start(Loops::Consumer).await;
    reader.until_parked(2).await;
    instance.stop().await;
    let whole = Wish { whole_keys: true, ..wish(What::Redrive, of_key("a")) };
    let action = letters(&reader).ask(&whole).await.unwrap().action.unwrap();
    // Parked behind the others before the service comes to the request.
    let insert = "INSERT INTO messaging.dead_letter (topic, partition, \"offset\", key, value, headers, event_id, kind, reason, attempts, parked_at)
                  SELECT topic, partition, 7, key, value, jsonb_build_array(jsonb_build_array('ce_id', gen_random_uuid()::text)), NULL, 'behind', 'as asked', 1, now()
                  FROM messaging.dead_letter WHERE \"offset\" = 1";
    sqlx::query(insert).execute(&reader.pool).await.unwrap();
    reader.reader.heal();
    let instance = reader.start(Loops::Consumer).await;
    let progress = done(&reader, action).await;
    assert_eq!(progress.redriven, 3, "{progress:?}");
    assert_eq!(by_key(&reader.effects().await), numbers(&[("a", &[1, 2, 2])]));
    instance.stop().await;
}

#[tokio::test]
async fn what_is_discarded_never_has_an_effect_and_what_is_behind_it_can_be_redriven() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let (pen, schema) = (world.pen(NOTES), world.schema_id(NOTED).await);
    let bad = Forged::good(&moody("a", 1, "sick"), schema, 1);
    pen.write([bad.clone(), Forged::good(&note("a", 2), schema, 2)]).await;
    let instance = reader.start(Loops::Consumer).await;
    reader.until_parked(2).await;
    let head = letters(&reader).list(&Filter::default()).await.unwrap()[0].id;
    let filter = Filter { ids: vec![head], ..Filter::default() };
    let silent = Wish { why: None, ..wish(What::Discard, filter.clone()) };
    assert!(matches!(letters(&reader).ask(&silent).await, Err(Refusal::NoReason)));
    assert_eq!(asked(&reader, wish(What::Discard, filter)).await.discarded, 1);
    assert_eq!(by_key(&reader.effects().await), numbers(&[]), "what is behind waits for somebody");
    assert_eq!(asked(&reader, wish(What::Redrive, of_key("a"))).await.redriven, 1);
    // The same event again, and the service could take it now: it was given up for ever.
    reader.reader.heal();
    pen.write([bad, Forged::good(&note("a", 3), schema, 3)]).await;
    reader.until_read(NOTES, 4).await;
    assert_eq!(by_key(&reader.effects().await), numbers(&[("a", &[2, 3])]));
    let everything = Filter { settled: true, ..Filter::default() };
    let states: Vec<_> =
        letters(&reader).list(&everything).await.unwrap().into_iter().map(|letter| letter.state).collect();
    assert_eq!(states, ["discarded", "redriven"]);
    instance.stop().await;
}

#[tokio::test]
async fn a_letter_at_which_the_service_panics_stays_and_the_others_are_redriven() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let records = [
        moody("a", 1, "sick"),
        moody("b", 1, "panic"),
        moody("c", 1, "panic while saving"),
        moody("d", 1, "fault"),
        moody("e", 1, "sick"),
    ];
    world.pen_notes(records).await;
    world.pen(NOTES).write([Forged::noise("f")]).await;
    let instance = reader.start(Loops::Consumer).await;
    reader.until_parked(6).await;
    reader.reader.heal();
    let progress = asked(&reader, wish(What::Redrive, Filter::default())).await;
    assert_eq!((progress.redriven, progress.failed, progress.behind), (2, 4, 0), "{progress:?}");
    world.pen_notes([note("g", 1)]).await;
    reader.until_effects(3).await;
    assert_eq!(by_key(&reader.effects().await), numbers(&[("a", &[1]), ("e", &[1]), ("g", &[1])]));
    instance.stop().await;
}

#[tokio::test]
async fn a_redrive_whose_service_is_killed_in_it_is_done_once_by_the_next() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    world.pen_notes([moody("a", 1, "sick"), note("a", 2), moody("b", 1, "sick")]).await;
    let doomed = reader.start(Loops::Consumer).await;
    reader.until_parked(3).await;
    reader.reader.heal();
    let lock = reader.lock_effects().await;
    let action = letters(&reader).ask(&wish(What::Redrive, Filter::default())).await.unwrap().action.unwrap();
    reader.until_locked().await;
    doomed.kill().await;
    lock.rollback().await.unwrap();
    let instance = reader.start(Loops::Consumer).await;
    let progress = done(&reader, action).await;
    assert_eq!((progress.redriven, progress.failed, progress.behind), (3, 0, 0), "{progress:?}");
    assert_eq!(by_key(&reader.effects().await), numbers(&[("a", &[1, 2]), ("b", &[1])]));
    instance.stop().await;
}

#[tokio::test]
async fn two_instances_at_one_redrive_hold_against_a_letter_only_what_it_failed_with_itself() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let keys: Vec<String> = (0..40).map(|key| format!("key-{key}")).collect();
    let mood = |index: usize| if index.is_multiple_of(2) { "refuse" } else { "sick" };
    world.pen_notes(keys.iter().enumerate().map(|(index, key)| moody(key, 1, mood(index)))).await;
    let first = reader.start(Loops::Consumer).await;
    reader.until_parked(40).await;
    reader.reader.heal();
    let second = reader.start(Loops::Consumer).await;
    let progress = asked(&reader, wish(What::Redrive, Filter::default())).await;
    assert_eq!((progress.redriven, progress.failed, progress.behind), (20, 20, 0), "{progress:?}");
    let refused = letters(&reader).list(&Filter::default()).await.unwrap();
    assert!(refused.iter().all(|letter| letter.kind == "refused"), "{refused:?}");
    assert_eq!(reader.effects().await.len(), 20);
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn who_did_what_with_a_letter_and_why_is_kept() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    world.pen_notes([moody("a", 1, "sick")]).await;
    let instance = reader.start(Loops::Consumer).await;
    reader.until_parked(1).await;
    asked(&reader, wish(What::Redrive, of_key("a"))).await;
    asked(&reader, wish(What::Discard, of_key("a"))).await;
    let id = letters(&reader).list(&Filter { settled: true, ..Filter::default() }).await.unwrap()[0].id;
    let whole = letters(&reader).show(id, &reader.settings).await.unwrap().unwrap();
    let told: Vec<_> = whole
        .actions
        .iter()
        .map(|taken| (taken.kind.as_str(), taken.who.as_str(), taken.outcome.as_deref().unwrap_or("open")))
        .collect();
    assert_eq!(told, [("redrive", "tester", "failed"), ("discard", "tester", "discarded")]);
    assert!(whole.actions.iter().all(|taken| taken.why.as_deref() == Some("it was asked for")));
    assert_eq!(whole.event.unwrap()["mood"], "sick");
    instance.stop().await;
}
