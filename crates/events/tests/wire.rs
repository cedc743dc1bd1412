//! Every record of the catalogue on the wire: its example, its golden bytes, other people's bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::PathBuf;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use events::{CATALOGUE, Channel, CustomerErased, Event, Record, topics};
use kernel::{Body, DecodeError, Event as _};
use serde_json::{Value as Json, json};

fn schemas() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn short_name(record: &Record) -> &'static str {
    record.name.rsplit('.').next().unwrap()
}

fn record(name: &str) -> &'static Record {
    CATALOGUE.iter().find(|record| short_name(record) == name).unwrap()
}

fn schema(record: &Record) -> &'static Schema {
    Event::schema_of(record.name).unwrap()
}

fn example(record: &Record) -> Json {
    let path = schemas().join(record.topic).join(format!("{}.example.json", short_name(record)));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What any Avro writer makes of `json` with `schema`.
fn datum(schema: &Schema, json: Json) -> Vec<u8> {
    let value = Value::try_from(json).unwrap().resolve(schema).unwrap();
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
}

fn key(record: &Record, json: &Json) -> String {
    let field = match record.topic {
        "products" => "sku",
        "customers" => "customer_id",
        _ if record.name.ends_with("StockReceived") => "sku",
        _ => "order_id",
    };
    json[field].as_str().unwrap().to_owned()
}

fn decode(record: &Record, writer: &Schema, json: Json) -> Result<Event, DecodeError> {
    let key = key(record, &json);
    Event::decode(record.topic, &key, writer, &datum(writer, json))
}

fn decoded_example(record: &Record) -> Event {
    decode(record, schema(record), example(record))
        .unwrap_or_else(|error| panic!("{}: {error:?}", record.name))
}

fn encoded(event: &Event) -> Vec<u8> {
    match event.encode().unwrap() {
        Body::Avro { datum, record } => {
            assert_eq!(record, event.name());
            datum
        }
        Body::Tombstone => panic!("{} has a body", event.name()),
    }
}

/// The record's schema as JSON, to be made newer or broken.
fn schema_json(record: &Record) -> Json {
    serde_json::from_str(record.schema_text).unwrap()
}

fn parse(json: &Json) -> Schema {
    Schema::parse(json).unwrap()
}

#[test]
fn every_example_becomes_its_typed_event_and_comes_back_unchanged() {
    for record in CATALOGUE {
        let event = decoded_example(record);
        assert_eq!((event.name(), event.topic()), (record.name, record.topic));
        assert_eq!(event.key(), key(record, &example(record)));
        let bytes = encoded(&event);
        assert_eq!(bytes, datum(schema(record), example(record)), "{}", record.name);
        let again = Event::decode(record.topic, &event.key(), schema(record), &bytes).unwrap();
        assert_eq!(again, event);
    }
}

#[test]
fn golden_bytes_of_every_published_version_decode_for_ever() {
    for record in CATALOGUE {
        let name = format!("{}/{}", record.topic, short_name(record));
        let mut version = 1;
        while let Ok(published) =
            fs::read_to_string(schemas().join(format!("published/{name}/{version}.avsc")))
        {
            let golden = fs::read_to_string(schemas().join(format!("golden/{name}/{version}.hex"))).unwrap();
            let writer = Schema::parse_str(&published).unwrap();
            let read =
                Event::decode(record.topic, &decoded_example(record).key(), &writer, &from_hex(&golden));
            let read = read.unwrap_or_else(|error| panic!("{name} {version}: {error:?}"));
            if writer == *schema(record) {
                assert_eq!(read, decoded_example(record), "{name} {version}");
            }
            version += 1;
        }
        assert!(version > 1, "{name} has no published version");
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_catalogue_finds_schemas_by_full_name_only() {
    assert_eq!(CATALOGUE.len(), 18);
    for record in CATALOGUE {
        assert_eq!(Event::schema_text_of(record.name), Some(record.schema_text));
        assert_eq!(record.name, format!("counterflow.{}.{}", record.topic, short_name(record)));
        assert!(topics::ALL.contains(&record.topic));
    }
    assert!(Event::schema_of("OrderCreated").is_none() && Event::schema_text_of("").is_none());
    let compacted: Vec<_> = topics::ALL.iter().filter(|topic| Event::is_compacted(topic)).collect();
    assert_eq!(compacted, [&topics::PRODUCTS, &topics::CUSTOMERS]);
}

#[test]
fn a_field_that_newer_code_added_is_dropped() {
    for record in CATALOGUE {
        let mut newer = schema_json(record);
        let added = json!({"name": "added_later", "type": ["null", "string"], "default": null});
        newer["fields"].as_array_mut().unwrap().push(added);
        let mut content = example(record);
        content["added_later"] = json!("something");
        assert_eq!(decode(record, &parse(&newer), content).unwrap(), decoded_example(record));
    }
}

#[test]
fn a_field_added_to_money_inside_a_union_is_dropped_too() {
    let record = record("PaymentVoided");
    let mut newer = schema_json(record);
    let money = newer.pointer_mut("/fields/1/type/1/fields").unwrap().as_array_mut().unwrap();
    money.push(json!({"name": "minor_digits", "type": ["null", "int"], "default": null}));
    let mut content = example(record);
    content["amount"]["minor_digits"] = json!(2);
    assert_eq!(decode(record, &parse(&newer), content).unwrap(), decoded_example(record));
}

#[test]
fn a_field_that_older_code_did_not_write_gets_its_default() {
    let record = record("PaymentVoided");
    let mut older = schema_json(record);
    older["fields"].as_array_mut().unwrap().retain(|field| field["name"] != "gateway_reference");
    let Event::PaymentVoided(voided) = decode(record, &parse(&older), example(record)).unwrap() else {
        panic!("another event")
    };
    assert_eq!(voided.gateway_reference, None);
    assert!(voided.amount.is_some());
}

#[test]
fn an_enum_symbol_newer_than_this_code_reads_as_unknown() {
    let record = record("OrderCancelled");
    let mut newer = schema_json(record);
    newer
        .pointer_mut("/fields/4/type/symbols")
        .unwrap()
        .as_array_mut()
        .unwrap()
        .push(json!("struck_by_lightning"));
    let mut content = example(record);
    content["reason"] = json!("struck_by_lightning");
    let Event::OrderCancelled(cancelled) = decode(record, &parse(&newer), content).unwrap() else {
        panic!("another event")
    };
    assert_eq!(cancelled.reason, events::CancelReason::Unknown);
}

/// Values the schema allows and the kernel's types do not.
#[test]
fn values_that_break_a_rule_are_undecodable() {
    let long = "x".repeat(201);
    let cases = [
        ("OrderCreated", "/lines/0/quantity", json!(0)),
        ("OrderCreated", "/lines/0/quantity", json!(-1)),
        ("OrderCreated", "/lines/0/quantity", json!(10_001)),
        ("OrderCreated", "/lines/0/sku", json!("a b")),
        ("OrderCreated", "/total/amount_minor", json!(-1)),
        ("OrderCreated", "/total/currency", json!("eur")),
        ("OrderCreated", "/payment_token", json!("")),
        ("OrderCreated", "/payment_token", json!("tok\u{0}")),
        ("OrderCreated", "/payment_token", json!(long)),
        ("OrderCreated", "/created_at", json!(i64::MAX)),
        ("PaymentVoided", "/amount/currency", json!("EURO")),
        ("PaymentVoided", "/gateway_reference", json!("a\nb")),
        ("ProductListed", "/name", json!(long)),
        ("CustomerRegistered", "/email", json!("ada\u{0}@example.org")),
        ("StockReceived", "/quantity", json!(0)),
        ("StockReceived", "/quantity", json!(1_000_000_001)),
    ];
    for (name, pointer, bad) in cases {
        let record = record(name);
        let mut content = example(record);
        *content.pointer_mut(pointer).unwrap() = bad.clone();
        let error = decode(record, schema(record), content).expect_err(&format!("{name}{pointer} = {bad}"));
        assert!(matches!(error, DecodeError::Avro { .. }), "{name}{pointer}: {error:?}");
    }
}

#[test]
fn a_datum_cut_anywhere_or_with_a_byte_too_many_is_undecodable() {
    for record in CATALOGUE {
        let whole = encoded(&decoded_example(record));
        let key = decoded_example(record).key();
        let read = |bytes: &[u8]| Event::decode(record.topic, &key, schema(record), bytes);
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{} cut at {end}", record.name);
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert!(matches!(read(&longer), Err(DecodeError::Trailing { left: 1, .. })), "{}", record.name);
    }
}

#[test]
fn a_datum_cut_before_a_nullable_end_is_not_read_as_null() {
    let record = record("PaymentVoided");
    let mut newer = schema_json(record);
    newer["fields"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "note", "type": ["null", "string"], "default": null}));
    let newer = parse(&newer);
    let content = example(record);
    let whole = datum(&newer, content.clone());
    let cut = &whole[..whole.len() - 1];
    assert!(Event::decode(record.topic, &key(record, &content), &newer, cut).is_err());
}

#[test]
fn topic_and_key_must_fit_the_content() {
    let record = record("OrderCreated");
    let bytes = encoded(&decoded_example(record));
    let key = decoded_example(record).key();
    let wrong_topic = Event::decode("payments", &key, schema(record), &bytes);
    assert!(matches!(wrong_topic, Err(DecodeError::WrongTopic { .. })));
    let wrong_key = Event::decode("orders", &key.to_uppercase(), schema(record), &bytes);
    assert!(matches!(wrong_key, Err(DecodeError::WrongKey { expected, .. }) if expected == key));
}

#[test]
fn events_nobody_knows_yet_are_told_from_broken_ones() {
    let unknown = parse(&json!({"type": "record", "name": "counterflow.orders.OrderShipped", "fields": []}));
    let read = Event::decode("orders", "k", &unknown, &[]);
    assert!(
        matches!(read, Err(DecodeError::UnknownEvent(name)) if name == "counterflow.orders.OrderShipped")
    );
    let read = Event::decode("orders", "k", &Schema::String, &[]);
    assert!(matches!(read, Err(DecodeError::Avro { .. })));
}

#[test]
fn a_null_value_erases_a_customer_and_means_nothing_elsewhere() {
    let id = "4f8f8a7e-2c1d-4e5b-9a6f-0a1b2c3d4e5f";
    let erased = Event::decode_tombstone("customers", id).unwrap();
    assert_eq!(erased, CustomerErased { customer_id: id.parse().unwrap() }.into());
    assert_eq!((erased.topic(), erased.key().as_str()), ("customers", id));
    assert_eq!(erased.encode().unwrap(), Body::Tombstone);
    for bad in ["", "Ada", &id.to_uppercase(), &id.replace('-', "")] {
        let read = Event::decode_tombstone("customers", bad);
        assert!(matches!(read, Err(DecodeError::WrongKey { .. })), "{bad}");
    }
    for topic in topics::ALL.iter().filter(|topic| **topic != "customers") {
        assert!(matches!(Event::decode_tombstone(topic, id), Err(DecodeError::Tombstone(_))));
    }
}

#[test]
fn a_text_no_reader_takes_is_not_written() {
    let Event::ProductListed(mut product) = decoded_example(record("ProductListed")) else {
        panic!("another event")
    };
    product.name = "a\u{0}b".to_owned();
    assert!(Event::from(product).encode().is_err());
}

#[test]
fn nothing_secret_or_personal_is_shown_by_debug() {
    let order = format!("{:?}", decoded_example(record("OrderCreated")));
    assert!(!order.contains("tok_ok") && order.contains("***"), "{order}");
    let customer = format!("{:?}", decoded_example(record("CustomerRegistered")));
    assert!(!customer.contains("Ada") && !customer.contains("example.org"), "{customer}");
}

/// A release of a record: its schema, and the example of then as it was written.
struct Release {
    number: usize,
    schema: Schema,
    fields: Vec<Json>,
    golden: Vec<u8>,
}

fn releases(record: &Record) -> Vec<Release> {
    let name = format!("{}/{}", record.topic, short_name(record));
    let read = |folder: &str, number: usize, ending: &str| {
        fs::read_to_string(schemas().join(format!("{folder}/{name}/{number}.{ending}")))
    };
    let release = |(number, published): (usize, String)| Release {
        number,
        schema: Schema::parse_str(&published).unwrap(),
        fields: serde_json::from_str::<Json>(&published).unwrap()["fields"].as_array().unwrap().clone(),
        golden: from_hex(&read("golden", number, "hex").unwrap()),
    };
    (1..).map_while(|number| Some((number, read("published", number, "avsc").ok()?))).map(release).collect()
}

/// As code with the schema of `reader` reads what code with that of `writer` wrote.
fn read_as(writer: &Release, reader: &Release) -> Value {
    let reading = GenericDatumReader::builder(&writer.schema).reader_schema(&reader.schema).build().unwrap();
    let mut rest = writer.golden.as_slice();
    let value = reading.read_value(&mut rest).unwrap();
    assert!(rest.is_empty(), "{} bytes are left", rest.len());
    value
}

#[test]
fn what_any_release_wrote_every_release_reads() {
    let mut crossed = 0;
    for record in CATALOGUE {
        let releases = releases(record);
        for (writer, reader) in releases.iter().flat_map(|one| releases.iter().map(move |other| (one, other)))
        {
            let whole = Json::try_from(read_as(writer, writer)).unwrap();
            let read = Json::try_from(read_as(writer, reader)).unwrap();
            for field in &reader.fields {
                let name = field["name"].as_str().unwrap();
                // What the writer did not know has the default.
                let expected = whole.get(name).unwrap_or(&field["default"]);
                let what = format!("{}: {} by {}: {name}", record.name, writer.number, reader.number);
                assert_eq!(&read[name], expected, "{what}");
            }
            crossed += usize::from(writer.number != reader.number);
        }
    }
    assert!(crossed >= 2, "no record has a second release");
}

/// As the code of the first release has it.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct FirstOrderCreated {
    order_id: String,
    customer_id: String,
    lines: Vec<Json>,
    total: Json,
    payment_token: String,
    created_at: i64,
    deadline_at: i64,
}

#[test]
fn an_order_with_a_channel_is_an_order_to_code_that_knows_none() {
    let [first, second] = &releases(record("OrderCreated"))[..] else { panic!("two releases") };
    let [old, new] = [first, second]
        .map(|writer| apache_avro::from_value::<FirstOrderCreated>(&read_as(writer, first)).unwrap());
    assert_eq!(old, new, "both are the example");
    assert_eq!(new.payment_token, "tok_ok");
    let channels = [first, second].map(|writer| {
        let key = decoded_example(record("OrderCreated")).key();
        match Event::decode("orders", &key, &writer.schema, &writer.golden).unwrap() {
            Event::OrderCreated(created) => created.channel,
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(channels, [Channel::Unknown, Channel::App]);
}

#[test]
fn a_channel_newer_than_this_code_reads_as_unknown() {
    let record = record("OrderCreated");
    let mut newer = schema_json(record);
    newer.pointer_mut("/fields/7/type/symbols").unwrap().as_array_mut().unwrap().push(json!("kiosk"));
    let mut content = example(record);
    content["channel"] = json!("kiosk");
    let Event::OrderCreated(created) = decode(record, &parse(&newer), content).unwrap() else {
        panic!("another event")
    };
    assert_eq!(created.channel, Channel::Unknown);
}
