//! Bytes from somebody who means harm: refused or read, never a panic, never much memory.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use apache_avro::Schema;
use events::{CATALOGUE, Event};
use kernel::{Body, Event as _};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Flips, cuts and inserts: most of it stays a datum, so that the deeper layers are reached.
#[derive(Clone, Debug)]
enum Harm {
    Set(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        any::<Index>().prop_map(Harm::Cut),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..12))
            .prop_map(|(at, bytes)| Harm::Insert(at, bytes)),
    ]
}

/// Of the newest release: those that are read with the schema of this build.
fn golden(record: &events::Record) -> Vec<u8> {
    let name = record.name.trim_start_matches("counterflow.").replace('.', "/");
    let folder = format!("{}/../../schemas/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let newest = std::fs::read_dir(&folder).unwrap().count();
    let text = std::fs::read_to_string(format!("{folder}/{newest}.hex")).unwrap();
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// Read under the key its own content asks for, so that nothing stops at the key.
fn read(record: &events::Record, schema: &Schema, bytes: &[u8]) -> Option<Event> {
    match Event::decode(record.topic, "", schema, bytes) {
        Err(kernel::DecodeError::WrongKey { expected, .. }) => {
            Some(Event::decode(record.topic, &expected, schema, bytes).unwrap())
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(
        record in select(CATALOGUE),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        read(&record, Event::schema_of(record.name).unwrap(), &bytes);
    }

    #[test]
    fn what_is_read_from_a_damaged_datum_is_a_whole_event(
        record in select(CATALOGUE),
        harms in prop::collection::vec(harm(), 1..4),
    ) {
        let schema = Event::schema_of(record.name).unwrap();
        let mut bytes = golden(&record);
        for harm in harms {
            match harm {
                Harm::Set(at, byte) if !bytes.is_empty() => { let at = at.index(bytes.len()); bytes[at] = byte; }
                Harm::Cut(at) if !bytes.is_empty() => bytes.truncate(at.index(bytes.len())),
                Harm::Insert(at, more) => { let at = at.index(bytes.len() + 1); bytes.splice(at..at, more); }
                Harm::Set(..) | Harm::Cut(_) => {}
            }
        }
        if let Some(event) = read(&record, schema, &bytes) {
            let Body::Avro { datum, .. } = event.encode().unwrap() else { panic!("an event with a body") };
            prop_assert_eq!(Event::decode(record.topic, &event.key(), schema, &datum).unwrap(), event);
        }
    }
}

#[test]
fn a_claimed_length_is_not_believed() {
    let record = CATALOGUE.iter().find(|record| record.name.ends_with("StockReserved")).unwrap();
    let schema = Event::schema_of(record.name).unwrap();
    // The order's id, then an array that claims two million lines.
    let mut bytes = vec![72];
    bytes.extend(b"0199f1a2-7b3c-7d4e-8f50-112233445566");
    bytes.extend([0x80, 0x92, 0xf4, 0x01]);
    let error = Event::decode(record.topic, "", schema, &bytes).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("allocate"), "{source}");
}
