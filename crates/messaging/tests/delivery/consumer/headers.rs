//! Headers beside a good value: only the id must be right, the others are a courtesy.

use kernel::Ids as _;
use kernel::clock::SystemIds;

use crate::world::log::Forged;
use crate::world::{ECHOES, Loops, NOTED, NOTES, World, assert_once_in_order, by_key, note, produce};

/// A record may have a megabyte, and what it makes happen must fit into one too.
const LONG: usize = 1_000_000;

#[tokio::test]
async fn whatever_headers_say_beside_the_id_the_event_is_handled_and_its_answer_is_published() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let schema = world.schema_id(NOTED).await;
    let more: Vec<Vec<(&'static str, Vec<u8>)>> = vec![
        vec![],
        vec![("ce_type", b"counterflow.orders.OrderCreated".to_vec()), ("ce_specversion", b"7".to_vec())],
        vec![("ce_time", b"yesterday".to_vec())],
        vec![("ce_time", b"9999-12-31T23:59:59-23:59".to_vec())],
        vec![("ce_time", b"0000-01-01T00:00:00Z".to_vec())],
        vec![("ce_time", b"2026-01-01T00:00:00Z".to_vec()), ("ce_time", b"2027-01-01T00:00:00Z".to_vec())],
        vec![("ce_sequence", i64::MAX.to_string().into_bytes())],
        vec![("ce_correlationid", b"nul \0".to_vec()), ("ce_causationid", b"nothing".to_vec())],
        vec![("ce_correlationid", vec![b'c'; LONG])],
        vec![("ce_correlationid", vec![0xff, 0xfe]), ("ce_source", vec![0xff])],
        vec![("traceparent", b"00-0-0-0".to_vec()), ("tracestate", b"nul=\0".to_vec())],
        vec![("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\0".to_vec())],
        vec![
            ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".to_vec()),
            ("tracestate", [b"a=", vec![b'b'; LONG].as_slice()].concat()),
        ],
        vec![
            ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".to_vec()),
            ("tracestate", b"nul=\0".to_vec()),
        ],
        vec![("", b"nameless".to_vec())],
    ];
    let last = i64::try_from(more.len()).unwrap();
    let good = |number| Forged::good(&note("a", number), schema, number);
    let records = (1..).zip(more).map(|(number, more)| Forged { more, ..good(number) });
    world.pen(NOTES).write(records).await;

    let instance = reader.start(Loops::All).await;
    reader.until_read(NOTES, last).await;
    assert_eq!(reader.parked().await, []);
    assert_once_in_order(&reader.effects().await, 1, last);
    reader.until_sent().await;
    let echoes = world.log(ECHOES).await;
    assert_eq!(
        echoes.iter().map(crate::world::Entry::number).collect::<Vec<_>>(),
        (1..=last).collect::<Vec<_>>()
    );
    let longest = echoes.iter().flat_map(|echo| echo.headers.values()).map(String::len).max();
    assert!(longest < Some(1_000), "nothing long is passed on: {longest:?}");
    instance.stop().await;
}

#[tokio::test]
async fn a_header_whose_name_is_no_text_harms_nobody() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let schema = world.schema_id(NOTED).await;
    let first = Forged::good(&note("a", 1), schema, 1);
    produce::one(world.kafka(), &reader.settings.topic(NOTES), &first, &[0xff, 0xfe]).await;
    world.pen_notes([note("a", 2), note("b", 1), note("b", 2)]).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 4).await;
    assert_eq!(reader.parked().await, []);
    assert_once_in_order(&reader.effects().await, 2, 2);
    consumer.stop().await;
}

#[tokio::test]
async fn an_id_that_another_event_had_before_is_a_duplicate() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let schema = world.schema_id(NOTED).await;
    let id = SystemIds.next();
    let with = |key: &str| Forged { ids: vec![id], ..Forged::good(&note(key, 1), schema, 1) };
    world.pen(NOTES).write([with("a"), with("b"), Forged::good(&note("b", 2), schema, 2)]).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 3).await;
    let wanted = [("a".to_owned(), vec![1]), ("b".to_owned(), vec![2])];
    assert_eq!((by_key(&reader.effects().await), reader.parked().await), (wanted.into(), vec![]));
    consumer.stop().await;
}
