//! Typed event ⇄ bare Avro datum.

use std::io::{self, Read};

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Schema, from_value};
use kernel::{Body, DecodeError, EncodeError};
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};

/// An event that has a body: one record of `schemas/`.
pub trait Payload: Serialize + DeserializeOwned {
    /// Full name of the record, `counterflow.orders.OrderCreated`.
    const NAME: &'static str;
    /// The topic, without prefix.
    const TOPIC: &'static str;

    /// The record's key.
    fn key(&self) -> String;

    /// The schema of this build.
    fn schema() -> &'static Schema;

    /// Writes with [`Payload::schema`]; made once, because resolving its names costs more than a datum.
    fn writer() -> &'static GenericDatumWriter<'static>;
}

/// Lengths inside a datum are claims of whoever wrote it. No record on Kafka is larger than this (`message.max.bytes`).
const ALLOCATION_BYTES_MAX: usize = 1024 * 1024;

/// Panics only on a schema that does not parse; a test parses all that are built in.
pub(crate) fn parse(text: &str) -> Schema {
    Schema::parse_str(text).expect("a schema that is built in parses")
}

/// Panics only as [`parse`] does.
pub(crate) fn writer_of(schema: &'static Schema) -> GenericDatumWriter<'static> {
    // Human readable: ids are written as text, as `{"type": "string", "logicalType": "uuid"}` wants them.
    GenericDatumWriter::builder(schema)
        .human_readable(true)
        .build()
        .expect("a self-contained schema resolves")
}

pub(crate) fn encode<P: Payload>(payload: &P) -> Result<Body, EncodeError> {
    match P::writer().write_ser_to_vec(payload) {
        Ok(datum) => Ok(Body::Avro { datum, record: P::NAME }),
        Err(source) => Err(EncodeError { record: P::NAME, source: Box::new(source) }),
    }
}

pub(crate) fn decode<P: Payload>(key: &str, writer: &Schema, datum: &[u8]) -> Result<P, DecodeError> {
    // Process-wide and fixed by the first call, which is ours unless something else reads Avro before.
    apache_avro::util::max_allocation_bytes(ALLOCATION_BYTES_MAX);
    let mut bytes = Bytes { rest: datum, overrun: false };
    let payload: P = read(&mut bytes, writer)
        .map_err(|source| DecodeError::Avro { record: P::NAME.to_owned(), source: Box::new(source) })?;
    if !bytes.rest.is_empty() {
        return Err(DecodeError::Trailing { record: P::NAME.to_owned(), left: bytes.rest.len() });
    }
    let expected = payload.key();
    if expected == key {
        Ok(payload)
    } else {
        Err(DecodeError::WrongKey { record: P::NAME.to_owned(), found: key.to_owned(), expected })
    }
}

fn read<P: Payload>(bytes: &mut Bytes<'_>, writer: &Schema) -> Result<P, apache_avro::Error> {
    let reader = GenericDatumReader::builder(writer).reader_schema(P::schema()).build()?;
    let value = reader.read_value(bytes)?;
    if bytes.overrun {
        return Err(apache_avro::Error::custom("the datum ends too early"));
    }
    from_value(&value)
}

/// Remembers that more was asked for than there is: apache-avro reads the missing end of a datum as null.
struct Bytes<'a> {
    rest: &'a [u8],
    overrun: bool,
}

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.overrun |= buffer.len() > self.rest.len();
        self.rest.read(buffer)
    }
}
