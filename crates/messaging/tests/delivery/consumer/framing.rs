//! Values that are no event of their topic: parked, each alone, and every other key goes on.

use crate::world::catalogue::{ECHOED, Numbered};
use crate::world::log::{Forged, noise};
use crate::world::{Loops, NOTED, NOTES, Note, World, by_key, note, register};

const UNDECODABLE: &str = "undecodable";
/// Room for key and headers is left in a record of a megabyte.
const MEGABYTE: usize = 1_000_000;

fn framed(schema: u32, datum: &[u8]) -> Vec<u8> {
    [&[0][..], &schema.to_be_bytes(), datum].concat()
}

#[tokio::test]
async fn a_value_that_is_no_event_of_its_topic_is_parked_and_every_other_key_goes_on() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let (noted, echoed) = (world.schema_id(NOTED).await, world.schema_id(ECHOED).await);
    let text = register(&world.parts, "counterflow.test.Text", r#""string""#).await;
    let whole = Forged::good(&note("cut", 1), noted, 1).value.unwrap();
    let echo = Note::Echoed(Numbered { key: "another topic's".into(), number: 1 });
    let poison = [
        ("empty", Vec::new()),
        ("magic", [&[1][..], &whole[1..]].concat()),
        ("half a frame", vec![0, 0, 0]),
        ("a frame alone", framed(noted, &[])),
        ("cut", whole[..whole.len() - 1].to_vec()),
        ("another topic's", Forged::good(&echo, echoed, 1).value.unwrap()),
        ("another schema's", framed(echoed, &whole[5..])),
        ("no record", framed(text, &whole[5..])),
        ("schema 0", framed(0, &whole[5..])),
        ("schema 2^32-1", framed(u32::MAX, &whole[5..])),
        ("noise", noise(MEGABYTE)),
        ("noise in a frame", framed(noted, &noise(MEGABYTE))),
    ];
    let mut records = vec![Forged::good(&note("good", 0), noted, 1)];
    for (number, (key, value)) in (1..).zip(&poison) {
        records.extend([Forged::bytes(key, value), Forged::good(&note("good", number), noted, 1)]);
    }
    let (all, last) = (i64::try_from(records.len()).unwrap(), i64::try_from(poison.len()).unwrap());
    world.pen(NOTES).write(records).await;

    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, all).await;
    let wanted: Vec<_> = poison.iter().map(|(key, _)| ((*key).to_owned(), UNDECODABLE.to_owned())).collect();
    assert_eq!(reader.parked().await, wanted);
    world.pen_notes([note("good", last + 1)]).await;
    reader.until_read(NOTES, all + 1).await;
    let numbers: Vec<i64> = (0..=last + 1).collect();
    assert_eq!(by_key(&reader.effects().await), [("good".to_owned(), numbers)].into());
    consumer.stop().await;
}

#[tokio::test]
async fn a_megabyte_of_noise_is_kept_whole() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let noise = noise(MEGABYTE);
    world.pen(NOTES).write([Forged::bytes("a", &noise)]).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_parked(1).await;
    let kept: Vec<u8> =
        sqlx::query_scalar("SELECT value FROM messaging.dead_letter").fetch_one(&reader.pool).await.unwrap();
    assert!(kept == noise, "{} bytes of {}", kept.len(), noise.len());
    consumer.stop().await;
}
