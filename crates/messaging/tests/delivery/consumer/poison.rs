//! Records that cannot be handled: parked with their kind, what follows of their key behind them, everything else goes on.

use std::collections::BTreeMap;

use kernel::Ids as _;
use kernel::clock::SystemIds;
use messaging::Settings;

use crate::world::by_key;
use crate::world::catalogue::moody;
use crate::world::log::Forged;
use crate::world::{Loops, NOTED, NOTES, World, note};

fn parked(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(key, kind)| ((*key).to_owned(), (*kind).to_owned())).collect()
}

#[tokio::test]
async fn what_cannot_be_decoded_is_parked_and_every_other_key_goes_on() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let (pen, schema) = (world.pen(NOTES), world.schema_id(NOTED).await);
    let good = |key: &str, number| Forged::good(&note(key, number), schema, number);
    let unknown_id = [&[0][..], &i32::MAX.to_be_bytes(), b"whatever"].concat();
    let wrong_key = Forged { key: Some("wrong key".into()), ..good("f", 1) };
    pen.write([
        good("a", 1),
        Forged::noise("noise"),
        good("noise", 1),
        Forged { value: Some(unknown_id), ..Forged::noise("unknown id") },
        good("b", 1),
        good("unknown id", 1),
        Forged { ids: Vec::new(), ..good("no id", 1) },
        Forged { ids: vec![SystemIds.next(), SystemIds.next()], ..good("two ids", 1) },
        wrong_key,
        Forged { value: None, ..Forged::noise("null") },
        Forged { key: None, ..good("no key", 1) },
        good("noise", 2),
        good("a", 2),
    ])
    .await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 13).await;
    let (raw, behind) = ("undecodable", "behind");
    let mut wanted = parked(&[
        ("noise", raw),
        ("noise", behind),
        ("unknown id", raw),
        ("unknown id", behind),
        ("no id", raw),
        ("two ids", raw),
        ("wrong key", raw),
        ("null", raw),
        ("-", raw),
        ("noise", behind),
    ]);
    assert_eq!(reader.parked().await, wanted);
    consumer.stop().await;

    pen.write([good("noise", 3), good("b", 2)]).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_read(NOTES, 15).await;
    wanted.extend(parked(&[("noise", behind)]));
    assert_eq!(reader.parked().await, wanted);
    let effects = [("a".to_owned(), vec![1, 2]), ("b".to_owned(), vec![1, 2])];
    assert_eq!(by_key(&reader.effects().await), effects.into());
    consumer.stop().await;
}

#[tokio::test]
async fn a_parked_record_is_kept_whole_with_the_reason() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let noise = Forged::noise("a");
    world.pen(NOTES).write([noise.clone()]).await;
    let consumer = reader.start(Loops::Consumer).await;
    reader.until_parked(1).await;
    let query = r#"SELECT value, headers, event_id, reason, "offset" FROM messaging.dead_letter"#;
    let (value, headers, id, reason, offset): (Vec<u8>, serde_json::Value, uuid::Uuid, String, i64) =
        sqlx::query_as(query).fetch_one(&reader.pool).await.unwrap();
    let sent = serde_json::json!([["ce_sequence", "0"], ["ce_id", noise.ids[0].to_string()]]);
    assert_eq!((value, headers, id, offset), (noise.value.unwrap(), sent, noise.ids[0], 0));
    assert!(reason.contains("wire format"), "{reason}");
    consumer.stop().await;
}

#[tokio::test]
async fn what_the_service_cannot_take_is_parked_with_its_kind_and_the_rest_of_the_batch_is_handled() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    world
        .pen_notes([
            note("a", 1),
            moody("refuse", 1, "refuse"),
            note("refuse", 2),
            moody("panic", 1, "panic"),
            note("b", 1),
            moody("fault", 1, "fault"),
            note("fault", 2),
            moody("decoding", 1, "panic while decoding"),
            moody("naming", 1, "panic while naming keys"),
            moody("saving", 1, "panic while saving"),
            note("naming", 2),
            note("a", 2),
        ])
        .await;
    let settings = Settings { attempts_max: 3, ..reader.settings.clone() };
    let consumer = reader.start_with(Loops::Consumer, settings).await;
    reader.until_read(NOTES, 12).await;
    let wanted = parked(&[
        ("refuse", "refused"),
        ("refuse", "behind"),
        ("panic", "panicked"),
        ("fault", "failed"),
        ("fault", "behind"),
        ("decoding", "undecodable"),
        ("naming", "panicked"),
        ("saving", "panicked"),
        ("naming", "behind"),
    ]);
    assert_eq!(reader.parked().await, wanted);
    let query = "SELECT kind, attempts FROM messaging.dead_letter WHERE kind <> 'behind' AND reason LIKE '%as asked%'";
    let attempts: BTreeMap<String, i32> =
        sqlx::query_as(query).fetch_all(&reader.pool).await.unwrap().into_iter().collect();
    let tried = [("refused", 1), ("panicked", 1), ("failed", 3), ("undecodable", 1)];
    assert_eq!(attempts, tried.map(|(kind, attempts)| (kind.to_owned(), attempts)).into());

    world.pen_notes([note("b", 2)]).await;
    reader.until_read(NOTES, 13).await;
    let effects = [("a".to_owned(), vec![1, 2]), ("b".to_owned(), vec![1, 2])];
    assert_eq!(by_key(&reader.effects().await), effects.into());
    consumer.stop().await;
}

#[tokio::test]
async fn a_restart_behind_a_record_without_an_id_goes_on() {
    let world = World::new(1).await;
    let reader = world.reader().await;
    let (pen, schema) = (world.pen(NOTES), world.schema_id(NOTED).await);
    let good = |number| Forged::good(&note("a", number), schema, number);
    let without_id = Forged { ids: Vec::new(), ..Forged::noise("b") };
    for (record, read) in [(good(1), 1), (without_id, 2), (good(2), 3), (good(3), 4)] {
        pen.write([record]).await;
        let consumer = reader.start(Loops::Consumer).await;
        reader.until_read(NOTES, read).await;
        consumer.stop().await;
    }
    assert_eq!(reader.parked().await, parked(&[("b", "undecodable")]));
    assert_eq!(by_key(&reader.effects().await)["a"], [1, 2, 3]);
}
