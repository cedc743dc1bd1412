//! Keys that are not the ones their content asks for, of any size.

use crate::world::log::{Forged, noise};
use crate::world::{Loops, NOTED, NOTES, World, by_key, note};

#[tokio::test]
async fn a_record_under_a_key_that_is_not_its_own_is_parked_whatever_the_key_is() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let schema = world.schema_id(NOTED).await;
    // A row of an index has room for 2,704 bytes, and noise is not compressed into it.
    let keys = [Vec::new(), b"other".to_vec(), vec![0], vec![0xff, 0xfe], noise(10_000), noise(900_000)];
    let good = |number| Forged::good(&note("good", number), schema, 1);
    let mut records = vec![good(0)];
    for (number, key) in (1..).zip(&keys) {
        records.extend([Forged { key: Some(key.clone()), ..good(99) }, good(number)]);
    }
    // Behind the first of its key, however long that is.
    records.push(Forged { key: Some(keys[5].clone()), ..good(99) });
    let all = i64::try_from(records.len()).unwrap();
    world.pen(NOTES).write(records).await;

    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, all).await;
    let query = r#"SELECT key, kind FROM messaging.dead_letter ORDER BY "offset""#;
    let parked: Vec<(Vec<u8>, String)> = sqlx::query_as(query).fetch_all(&reader.pool).await.unwrap();
    let kinds: Vec<&str> = parked.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(kinds, [["undecodable"; 6].as_slice(), &["behind"]].concat());
    assert!(parked.iter().zip(&keys).all(|((found, _), key)| found == key));
    world.pen_notes([note("good", 7)]).await;
    reader.until_read(NOTES, all + 1).await;
    assert_eq!(by_key(&reader.effects().await), [("good".to_owned(), (0..=7).collect())].into());
    consumer.stop().await;
}
