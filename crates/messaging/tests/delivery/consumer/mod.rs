//! From the log to the effect: each event once, in order per key, whoever reads and whatever fails.

mod framing;
mod handover;
mod headers;
mod keys;
mod outages;
mod poison;
mod redrive;
pub mod replay;
mod schemas;
mod stopping;
mod together;
mod topics;

use crate::world::by_key;
use crate::world::catalogue::{Noted, OldNote};
use crate::world::log::Forged;
use crate::world::{Loops, NOTED, NOTED_V1, NOTES, Note, World, assert_once_in_order, note, register};

#[tokio::test]
async fn a_record_that_is_in_the_log_twice_has_its_effect_once() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let (pen, schema) = (world.pen(NOTES), world.schema_id(NOTED).await);
    let records: Vec<Forged> = [note("a", 1), note("b", 1), note("a", 2)]
        .iter()
        .map(|event| Forged::good(event, schema, 1))
        .collect();
    pen.write([&records[0], &records[0], &records[1], &records[2], &records[0]].map(Clone::clone)).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 5).await;
    consumer.stop().await;

    pen.write(records.clone()).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 8).await;
    let wanted = [("a".to_owned(), vec![1, 2]), ("b".to_owned(), vec![1])];
    assert_eq!(by_key(&reader.effects().await), wanted.into());
    consumer.stop().await;
}

#[tokio::test]
async fn an_event_unknown_to_this_build_is_passed_over() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let (pen, schema) = (world.pen(NOTES), world.schema_id(NOTED).await);
    let name = "counterflow.test.Unheard";
    let text = r#"{"type":"record","name":"Unheard","namespace":"counterflow.test","fields":[]}"#;
    let unheard = register(&world.parts, name, text).await;
    let framed = [&[0][..], &unheard.to_be_bytes()].concat();
    let later = Forged { value: Some(framed), ..Forged::noise("a") };
    pen.write([Forged::good(&note("a", 1), schema, 1), later, Forged::good(&note("a", 2), schema, 1)]).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 3).await;
    assert_once_in_order(&reader.effects().await, 1, 2);
    assert_eq!(reader.parked().await, []);
    consumer.stop().await;
}

#[tokio::test]
async fn what_an_older_build_wrote_is_read_by_the_schema_of_this_one() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let old = register(&world.parts, NOTED, NOTED_V1).await;
    let noted = Noted { key: "a".into(), number: 1, mood: String::new(), remark: "never written".into() };
    world.pen(NOTES).write([Forged::good(&OldNote(noted), old, 1)]).await;
    let Note::Noted(ours) = note("a", 2) else { unreachable!() };
    world.pen_notes([Note::Noted(ours.clone())]).await;
    let consumer = reader.start(Loops::Consumer).await;
    assert_once_in_order(&reader.until_effects(2).await, 1, 2);
    let remarks: Vec<String> = reader.reader.notes().into_iter().map(|noted| noted.remark).collect();
    assert_eq!(remarks, ["none yet".to_owned(), ours.remark]);
    consumer.stop().await;
}
