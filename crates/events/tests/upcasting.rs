//! A new meaning that is required comes under a new name, beside the old one (docs/schemas.md). No event of the store needed it
//! yet: here a parcel that once only "left" must say with whom.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Schema, from_value};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The old name: written by releases up to some day, in the log for ever.
#[derive(Debug, Deserialize)]
struct ParcelLeft {
    parcel_id: String,
}

/// The new name: the carrier is no option, and no default could stand for it.
#[derive(Debug, Deserialize, PartialEq)]
struct ParcelHandedOver {
    parcel_id: String,
    carrier: Carrier,
}

/// "Not known" has a name of its own: it is no carrier that happens to be the default.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Carrier {
    NotKnown,
    Post,
}

/// What is written down about the old event lifts it into the new one: in one place, where it is read.
impl From<ParcelLeft> for ParcelHandedOver {
    fn from(ParcelLeft { parcel_id }: ParcelLeft) -> Self {
        Self { parcel_id, carrier: Carrier::NotKnown }
    }
}

fn schema(name: &str) -> Json {
    let mut fields = vec![json!({"name": "parcel_id", "type": "string"})];
    if name == "ParcelHandedOver" {
        let symbols = ["not_known", "post"];
        fields.push(
            json!({"name": "carrier", "type": {"type": "enum", "name": "Carrier", "symbols": symbols}}),
        );
    }
    json!({"type": "record", "namespace": "counterflow.parcels", "name": name, "fields": fields})
}

fn written(name: &str, content: Json) -> (Schema, Vec<u8>) {
    let schema = Schema::parse(&schema(name)).unwrap();
    let value = apache_avro::types::Value::try_from(content).unwrap().resolve(&schema).unwrap();
    let datum = GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(value).unwrap();
    (schema, datum)
}

/// A reader of the release that knows both names; whoever decides sees the new form alone. `None`: nobody knows the name.
fn read((writer, datum): &(Schema, Vec<u8>), knows: &[&str]) -> Option<ParcelHandedOver> {
    let Schema::Record(record) = writer else { panic!("a record") };
    let name = record.name.name();
    let value =
        GenericDatumReader::builder(writer).build().unwrap().read_value(&mut datum.as_slice()).unwrap();
    match name {
        _ if !knows.contains(&name) => None,
        "ParcelLeft" => Some(from_value::<ParcelLeft>(&value).unwrap().into()),
        _ => Some(from_value(&value).unwrap()),
    }
}

const BOTH: [&str; 2] = ["ParcelLeft", "ParcelHandedOver"];

#[test]
fn an_old_event_and_a_new_one_come_to_the_same_kind_of_fact() {
    let old = written("ParcelLeft", json!({"parcel_id": "p-1"}));
    let new = written("ParcelHandedOver", json!({"parcel_id": "p-2", "carrier": "post"}));
    let (first, second) = (read(&old, &BOTH).unwrap(), read(&new, &BOTH).unwrap());
    assert_eq!(first, ParcelHandedOver { parcel_id: "p-1".to_owned(), carrier: Carrier::NotKnown });
    assert_eq!(second, ParcelHandedOver { parcel_id: "p-2".to_owned(), carrier: Carrier::Post });
}

/// Why readers come first: to the release before, the new name is none, and it would go by without a decision.
#[test]
fn the_release_before_skips_the_new_name() {
    let new = written("ParcelHandedOver", json!({"parcel_id": "p-2", "carrier": "post"}));
    assert_eq!(read(&new, &["ParcelLeft"]), None);
    let Err(error) = events_of_this_build(&new) else { panic!("this build knows no parcels") };
    assert!(
        matches!(error, kernel::DecodeError::UnknownEvent(_)),
        "skipped and counted, never parked: {error}"
    );
}

fn events_of_this_build((writer, datum): &(Schema, Vec<u8>)) -> Result<events::Event, kernel::DecodeError> {
    <events::Event as kernel::Event>::decode("orders", "p-2", writer, datum)
}

/// Why it is no new version of the old name: without a default the new field breaks every old event.
#[test]
fn a_required_field_is_no_version_of_the_old_name() {
    let mut wider = schema("ParcelHandedOver");
    wider["name"] = json!("ParcelLeft");
    let (writer, datum) = written("ParcelLeft", json!({"parcel_id": "p-1"}));
    let reader = Schema::parse(&wider).unwrap();
    let decoder = GenericDatumReader::builder(&writer).reader_schema(&reader).build();
    assert!(decoder.and_then(|decoder| decoder.read_value(&mut datum.as_slice())).is_err());
}
