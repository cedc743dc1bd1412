use apache_avro::Schema;
use events::{EmailKind, EmailSent, Event};
use kernel::{Body, CustomerId, Event as _, EventId, OrderId};
use messaging::{Metadata, Received, TraceContext};
use uuid::Uuid;

use super::as_written::{AsWritten, recorded};
use super::envelope::{Place, pack};
use super::*;

fn sent(number: u128) -> Received<AsWritten> {
    let order_id = OrderId(Uuid::from_u128(number));
    let at = Timestamp::parse("2026-05-01T12:00:00Z").unwrap();
    let event: Event = EmailSent {
        order_id,
        customer_id: CustomerId(Uuid::from_u128(7)),
        kind: EmailKind::Receipt,
        message_id: "a@b".to_owned(),
        sent_at: at,
    }
    .into();
    let Ok(Body::Avro { datum, record }) = event.encode() else { panic!("no tombstone") };
    let schema: &Schema = Event::schema_of(record).unwrap();
    let event = AsWritten::decode("emails", &order_id.to_string(), schema, &datum).unwrap();
    let metadata = Metadata {
        id: EventId(Uuid::from_u128(number + 100)),
        time: at,
        sequence: 1,
        correlation: order_id.to_string(),
        causation: Some(EventId(Uuid::from_u128(3))),
        trace: TraceContext::default(),
    };
    Received { event, metadata }
}

fn written(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
    let _none = std::fs::remove_dir_all(&folder);
    let mut writing = folder::Writing::begin(&folder).unwrap();
    for offset in 0..3 {
        let received = sent(offset);
        let (schema, offset) = (received.event.schema.clone(), i64::try_from(offset).unwrap());
        let place = Place { topic: "emails", partition: 1, offset };
        writing.add("emails", &schema, pack(place, received)).unwrap();
    }
    assert!(!folder.exists(), "there before it is whole");
    let manifest = writing.end(folder::manifest(None, "now".to_owned(), &recorded(), 0)).unwrap();
    assert_eq!(manifest.records(), 3);
    folder
}

#[test]
fn what_is_recorded_is_read_again_with_all_that_travelled_beside_it() {
    let folder = written("record-read");
    let all = open(&folder).unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!((all[2].topic, all[2].partition, all[2].offset), ("emails", 1, 2));
    let expected = sent(2);
    assert_eq!(all[2].received.metadata, expected.metadata);
    let Event::EmailSent(event) = &all[2].received.event else { panic!("{:?}", all[2]) };
    assert_eq!(event.message_id, "a@b");
    assert!(folder::Writing::begin(&folder).is_err(), "a recording is not written over");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_is_not_the_one_that_was_recorded_is_refused() {
    let folder = written("record-damaged");
    let file = folder.join("emails.EmailSent.1.avro");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = open(&folder).unwrap_err().to_string();
    assert!(error.contains("another checksum"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn who_somebody_is_is_not_recorded() {
    assert!(!recorded().contains(&"customers"));
    assert!(recorded().contains(&"orders"));
}
