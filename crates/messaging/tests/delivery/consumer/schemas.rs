//! Schemas that are registered to do harm: a writer's schema is somebody else's text, also under the name of an event of ours.

use crate::world::log::Forged;
use crate::world::{Loops, NOTED, NOTES, World, by_key, note, register};

const NESTED: &str = r#"{"type":"record","name":"Noted","namespace":"counterflow.test","fields":[{"name":"inner","type":["null","Noted"]}]}"#;
const NOTHINGS: &str = r#"{"type":"record","name":"Noted","namespace":"counterflow.test","fields":[
    {"name":"many","type":{"type":"array","items":{"type":"array","items":{"type":"record","name":"Nothing","fields":[]}}}}]}"#;

#[tokio::test]
async fn a_schema_that_makes_much_of_few_bytes_is_none_an_event_is_read_with() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let schema = world.schema_id(NOTED).await;
    let (nested, nothings) = (
        register(&world.parts, "counterflow.test.Nested", NESTED).await,
        register(&world.parts, "counterflow.test.Nothings", NOTHINGS).await,
    );
    // A union's second branch inside a union's second branch, 900,000 times.
    let deep = [&[0][..], &nested.to_be_bytes(), &vec![2; 900_000], &[0]].concat();
    // 500 arrays of 10,000 records, each of no bytes at all.
    let inner = [0xa0, 0x9c, 0x01, 0].repeat(500);
    let wide = [&[0][..], &nothings.to_be_bytes(), &[0xe8, 0x07], &inner, &[0]].concat();
    let good = |number| Forged::good(&note("good", number), schema, 1);
    world
        .pen(NOTES)
        .write([Forged::bytes("deep", &deep), good(1), Forged::bytes("wide", &wide), good(2)])
        .await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 4).await;
    let undecodable = |key: &str| (key.to_owned(), "undecodable".to_owned());
    assert_eq!(reader.parked().await, [undecodable("deep"), undecodable("wide")]);
    let query = "SELECT count(*) FROM messaging.dead_letter WHERE reason LIKE '%is not an Avro record%'";
    assert_eq!(reader.count(query).await, 2);
    assert_eq!(by_key(&reader.effects().await), [("good".to_owned(), vec![1, 2])].into());
    consumer.stop().await;
}
