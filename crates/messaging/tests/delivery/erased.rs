//! An erasure waits for nothing that is parked, and leaves nothing of what dead letters of its key said.

use messaging::dead_letters::{DeadLetters, Filter, Progress, What, Wish};
use testkit::until;

use crate::world::catalogue::{LABELLED, Numbered};
use crate::world::log::Forged;
use crate::world::{LABELS, Loops, Note, Reader, SOON, Service, World};

/// Key, state, and whether anything of it can be read.
type Letter = (String, String, bool);

async fn letters(reader: &Service) -> Vec<Letter> {
    let query = "SELECT encode(key, 'escape'), state, value IS NOT NULL OR headers <> '[]' OR reason NOT LIKE 'erased:%'
                 FROM messaging.dead_letter ORDER BY id";
    sqlx::query_as(query).fetch_all(&reader.pool).await.unwrap()
}

fn letter(key: &str, state: &str, told: bool) -> Letter {
    (key.to_owned(), state.to_owned(), told)
}

async fn asked(reader: &Service, what: What, filter: Filter) -> Progress {
    let why = Some("it was asked for".into());
    let wish = Wish { what, filter, whole_keys: what == What::Redrive, who: "tester".into(), why };
    let letters = DeadLetters::over(reader.pool.clone());
    let action = letters.ask(&wish).await.unwrap().action.unwrap();
    until("the action is done", SOON, async || {
        let progress = letters.progress(action).await.unwrap();
        if progress.done { Ok(progress) } else { Err(format!("{progress:?}")) }
    })
    .await
}

fn of(key: &str) -> Filter {
    Filter { key: Some(key.into()), ..Filter::default() }
}

async fn numbers(reader: &Service, effects: usize) -> Vec<i64> {
    reader.until_effects(effects).await.iter().map(|effect| effect.number).collect()
}

#[tokio::test]
async fn an_erasure_is_handled_at_once_and_empties_what_was_parked_of_its_key_in_whatever_state() {
    let world = World::new(1).await;
    let reader = world.service("reader", Reader::of(&[LABELS])).await;
    let (pen, schema) = (world.pen(LABELS), world.schema_id(LABELLED).await);
    let label = |key: &str, number| {
        Forged::good(&Note::Labelled(Numbered { key: key.into(), number }), schema, number)
    };
    let behind = label("a", 1);
    pen.write([Forged::noise("a"), behind.clone(), Forged::noise("b")]).await;
    let instance = reader.start(Loops::Consumer).await;
    reader.until_parked(3).await;
    let head = DeadLetters::over(reader.pool.clone()).list(&of("a")).await.unwrap()[0].id;
    asked(&reader, What::Discard, Filter { ids: vec![head], ..Filter::default() }).await;
    let before = [letter("a", "discarded", true), letter("a", "parked", true), letter("b", "parked", true)];
    assert_eq!(letters(&reader).await, before);

    pen.write([Forged::good(&Note::Unlabelled("a".into()), 0, 2)]).await;
    assert_eq!(numbers(&reader, 1).await, [-1], "it did not wait");
    let after =
        [letter("a", "discarded", false), letter("a", "discarded", false), letter("b", "parked", true)];
    assert_eq!(letters(&reader).await, after);
    // Given up like one that somebody discarded: for ever, and it is told by whom.
    pen.write([behind, label("a", 3)]).await;
    assert_eq!(numbers(&reader, 2).await, [-1, 3]);
    let taken = "SELECT who FROM messaging.dead_letter_action JOIN messaging.dead_letter_step ON action = id
                 WHERE outcome = 'discarded' ORDER BY id";
    let who: Vec<String> = sqlx::query_scalar(taken).fetch_all(&reader.pool).await.unwrap();
    assert_eq!(who, ["tester", "erasure"]);
    instance.stop().await;
}

#[tokio::test]
async fn an_erasure_that_is_parked_itself_empties_what_is_older_and_is_redriven_without_it() {
    let world = World::new(1).await;
    let reader = world.service("reader", Reader::of(&[LABELS])).await;
    let erasure = Forged::good(&Note::Unlabelled("sick".into()), 0, 2);
    world.pen(LABELS).write([Forged::noise("sick"), erasure]).await;
    let instance = reader.start(Loops::Consumer).await;
    reader.until_parked(2).await;
    let emptied = letter("sick", "discarded", false);
    assert_eq!(letters(&reader).await, [emptied.clone(), letter("sick", "parked", true)]);

    // As a build that did not know of it left them: the one waits for the other.
    let as_before =
        "UPDATE messaging.dead_letter SET state = 'parked', value = 'noise' WHERE state = 'discarded'";
    sqlx::query(as_before).execute(&reader.pool).await.unwrap();
    reader.reader.heal();
    let progress = asked(&reader, What::Redrive, of("sick")).await;
    assert_eq!((progress.redriven, progress.discarded, progress.behind), (1, 1, 0), "{progress:?}");
    assert_eq!(numbers(&reader, 1).await, [-1]);
    assert_eq!(letters(&reader).await, [emptied, letter("sick", "redriven", true)]);
    instance.stop().await;
}
