//! A meaning that old records do not have: a new event beside the old one. The example is a store that delivers: `ParcelSent` said
//! its weight in whole kilograms, and prices now depend on grams. No default could say that, so `ParcelHandedOver` says it, and
//! whoever reads makes one thing of both.

use std::sync::LazyLock;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Schema, from_value};
use kernel::{Body, DecodeError, EncodeError, Event};
use messaging::core::batch::Content;
use messaging::core::record::{self, Raw};
use messaging::core::writer::Writer;
use serde::{Deserialize, Serialize};

const TOPIC: &str = "parcels";
const SENT: &str = "counterflow.parcels.ParcelSent";
const HANDED_OVER: &str = "counterflow.parcels.ParcelHandedOver";
const SENT_TEXT: &str = r#"{"type":"record","name":"ParcelSent","namespace":"counterflow.parcels","doc":"Retired since 0.3.0: ParcelHandedOver says it.","fields":[{"name":"parcel","type":"string"},{"name":"kilograms","type":"long"}]}"#;
const HANDED_OVER_TEXT: &str = r#"{"type":"record","name":"ParcelHandedOver","namespace":"counterflow.parcels","fields":[{"name":"parcel","type":"string"},{"name":"grams","type":"long"},{"name":"carrier","type":"string"}]}"#;

/// Retired: it is read for as long as the log has it, and written no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ParcelSent {
    parcel: String,
    kilograms: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ParcelHandedOver {
    parcel: String,
    grams: i64,
    carrier: String,
}

/// The catalogue; `BOTH` is false in the release before, which knows the old event alone.
#[derive(Clone, Debug, PartialEq)]
enum Parcel<const BOTH: bool> {
    Sent(ParcelSent),
    HandedOver(ParcelHandedOver),
}

/// What the domain knows: one thing, whichever event said it. This is the upcast, and the one place where the old event is named.
#[derive(Debug, PartialEq)]
struct Handover {
    grams: i64,
    /// Of the days when there was only one, nobody said which.
    carrier: Option<String>,
}

impl Handover {
    fn of(event: Parcel<true>) -> Self {
        match event {
            Parcel::Sent(sent) => Self { grams: sent.kilograms * 1_000, carrier: None },
            Parcel::HandedOver(handed) => Self { grams: handed.grams, carrier: Some(handed.carrier) },
        }
    }
}

impl<const BOTH: bool> Event for Parcel<BOTH> {
    fn name(&self) -> &'static str {
        match self {
            Self::Sent(_) => SENT,
            Self::HandedOver(_) => HANDED_OVER,
        }
    }

    fn topic(&self) -> &'static str {
        TOPIC
    }

    fn key(&self) -> String {
        match self {
            Self::Sent(sent) => sent.parcel.clone(),
            Self::HandedOver(handed) => handed.parcel.clone(),
        }
    }

    fn encode(&self) -> Result<Body, EncodeError> {
        let record = self.name();
        match self {
            Self::HandedOver(handed) if BOTH => {
                Ok(Body::Avro { datum: written(HANDED_OVER_TEXT, handed), record })
            }
            Self::Sent(sent) if !BOTH => Ok(Body::Avro { datum: written(SENT_TEXT, sent), record }),
            _ => panic!("{record} is not written by this release"),
        }
    }

    fn schema_of(record: &str) -> Option<&'static Schema> {
        static SENT_SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse_str(SENT_TEXT).unwrap());
        static HANDED_OVER_SCHEMA: LazyLock<Schema> =
            LazyLock::new(|| Schema::parse_str(HANDED_OVER_TEXT).unwrap());
        match record {
            SENT => Some(&SENT_SCHEMA),
            HANDED_OVER if BOTH => Some(&HANDED_OVER_SCHEMA),
            _ => None,
        }
    }

    fn schema_text_of(record: &str) -> Option<&'static str> {
        match record {
            SENT => Some(SENT_TEXT),
            HANDED_OVER if BOTH => Some(HANDED_OVER_TEXT),
            _ => None,
        }
    }

    fn is_compacted(_: &str) -> bool {
        false
    }

    fn decode(_: &str, _: &str, writer: &Schema, mut datum: &[u8]) -> Result<Self, DecodeError> {
        let Schema::Record(record) = writer else { panic!("a record") };
        let name = record.name.fullname(None);
        let reader = Self::schema_of(&name).ok_or_else(|| DecodeError::UnknownEvent(name.clone()))?;
        let reading = GenericDatumReader::builder(writer).reader_schema(reader).build().unwrap();
        let value = reading.read_value(&mut datum).unwrap();
        Ok(if name == SENT {
            Self::Sent(from_value(&value).unwrap())
        } else {
            Self::HandedOver(from_value(&value).unwrap())
        })
    }

    fn decode_tombstone(topic: &str, _: &str) -> Result<Self, DecodeError> {
        Err(DecodeError::Tombstone(topic.to_owned()))
    }
}

fn written(text: &str, value: &impl Serialize) -> Vec<u8> {
    let schema = Schema::parse_str(text).unwrap();
    GenericDatumWriter::builder(&schema).build().unwrap().write_ser_to_vec(value).unwrap()
}

/// An event on the log, as messaging reads it in a release: the event, or `None` where it is skipped.
fn read<const WRITER: bool, const READER: bool>(event: &Parcel<WRITER>) -> Option<Parcel<READER>> {
    let Ok(Body::Avro { datum, record }) = event.encode() else { panic!("a body") };
    let writer = Writer::parse(Parcel::<WRITER>::schema_text_of(record).unwrap()).unwrap();
    let id = uuid::Uuid::from_u128(1).to_string().into_bytes();
    let raw = Raw {
        offset: 0,
        key: Some(event.key().into_bytes()),
        value: Some([&[0, 0, 0, 0, 1][..], &datum].concat()),
        headers: vec![("ce_id".to_owned(), Some(id))],
        timestamp_ms: None,
    };
    match record::read::<Parcel<READER>>(TOPIC, &raw, Some(&writer)) {
        Content::Event(received) => Some(received.event.clone()),
        Content::Undecodable(reason) => panic!("{reason}"),
        _ => None,
    }
}

fn old_one() -> Parcel<false> {
    Parcel::Sent(ParcelSent { parcel: "p".to_owned(), kilograms: 2 })
}

fn new_one() -> Parcel<true> {
    Parcel::HandedOver(ParcelHandedOver { parcel: "p".to_owned(), grams: 1_500, carrier: "bike".to_owned() })
}

#[test]
fn an_old_event_and_the_one_that_replaces_it_are_one_thing_to_the_domain() {
    let old = read::<false, true>(&old_one()).map(Handover::of);
    assert_eq!(old, Some(Handover { grams: 2_000, carrier: None }));
    let new = read::<true, true>(&new_one()).map(Handover::of);
    assert_eq!(new, Some(Handover { grams: 1_500, carrier: Some("bike".to_owned()) }));
}

/// Why readers are deployed before the first writer: what is skipped does not come again.
#[test]
fn a_release_that_does_not_know_the_new_event_skips_it_and_parks_nothing() {
    assert_eq!(read::<true, false>(&new_one()), None);
    assert_eq!(read::<false, false>(&old_one()), Some(old_one()));
}

#[test]
#[should_panic(expected = "ParcelSent is not written by this release")]
fn a_retired_event_is_read_and_not_written() {
    let retired = Parcel::<true>::Sent(ParcelSent { parcel: "p".to_owned(), kilograms: 2 });
    assert_eq!(read::<false, true>(&old_one()), Some(retired.clone()));
    drop(retired.encode());
}
