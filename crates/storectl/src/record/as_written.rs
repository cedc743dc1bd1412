//! An event by the schema it was written with, whatever this build makes of it.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use events::{CATALOGUE, topics};
use kernel::{Body, DecodeError, EncodeError};
use serde::de::Error as _;

/// What a payment can be made with is in no file: this stands where it was.
const TOKEN: (&str, &str) = ("payment_token", "not-recorded");

/// A datum with its schema.
#[derive(Clone, Debug)]
pub struct AsWritten {
    name: &'static str,
    topic: &'static str,
    key: String,
    /// The writer's.
    pub schema: Schema,
    /// Without payment token.
    pub value: Value,
}

/// Topics that are recorded: none that says who somebody is.
pub fn recorded() -> Vec<&'static str> {
    topics::ALL.iter().copied().filter(|topic| *topic != topics::CUSTOMERS).collect()
}

impl kernel::Event for AsWritten {
    fn name(&self) -> &'static str {
        self.name
    }

    fn topic(&self) -> &'static str {
        self.topic
    }

    fn key(&self) -> String {
        self.key.clone()
    }

    /// It is read only: nothing publishes what was recorded.
    fn encode(&self) -> Result<Body, EncodeError> {
        let source = Box::new(apache_avro::Error::custom("what is recorded is not published"));
        Err(EncodeError { record: self.name, source })
    }

    fn schema_of(record: &str) -> Option<&'static Schema> {
        events::Event::schema_of(record)
    }

    fn schema_text_of(record: &str) -> Option<&'static str> {
        events::Event::schema_text_of(record)
    }

    fn is_compacted(topic: &str) -> bool {
        events::Event::is_compacted(topic)
    }

    /// Only what today's code can read too: a day with records that nobody can handle proves nothing.
    fn decode(topic: &str, key: &str, writer: &Schema, datum: &[u8]) -> Result<Self, DecodeError> {
        let event = <events::Event as kernel::Event>::decode(topic, key, writer, datum)?;
        let name = kernel::Event::name(&event);
        let failed = |source| DecodeError::Avro { record: name.to_owned(), source: Box::new(source) };
        let reader = GenericDatumReader::builder(writer).build().map_err(failed)?;
        let mut value = reader.read_value(&mut &datum[..]).map_err(failed)?;
        if let Value::Record(fields) = &mut value {
            for (_, value) in fields.iter_mut().filter(|(field, _)| field == TOKEN.0) {
                *value = Value::String(TOKEN.1.to_owned());
            }
        }
        let topic = CATALOGUE.iter().find(|record| record.name == name).map_or("", |record| record.topic);
        Ok(Self { name, topic, key: key.to_owned(), schema: writer.clone(), value })
    }

    fn decode_tombstone(topic: &str, key: &str) -> Result<Self, DecodeError> {
        let _ = key;
        Err(DecodeError::Tombstone(topic.to_owned()))
    }
}
