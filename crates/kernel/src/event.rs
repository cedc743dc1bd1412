//! What messaging needs to know of an event, and nothing of what it means.

use apache_avro::Schema;

/// The bytes of an event on the wire, without the registry's id in front: the relay adds that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A bare Avro datum, written with the schema of this record.
    Avro {
        /// The datum, no magic byte, no schema id.
        datum: Vec<u8>,
        /// Full name of the record; also the registry's subject (RecordNameStrategy).
        record: &'static str,
    },
    /// A null value: the key is erased from a compacted topic.
    Tombstone,
}

/// An event could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {record} as Avro")]
pub struct EncodeError {
    /// Full name of the record.
    pub record: &'static str,
    /// What Avro said.
    #[source]
    pub source: Box<apache_avro::Error>,
}

/// A record could not be read as an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No event of this name is known here: newer code wrote it. Skipped and counted, never parked.
    #[error("{0} is not an event known here")]
    UnknownEvent(String),
    /// The event is known, but belongs to another topic.
    #[error("{record} does not belong to the topic {topic}")]
    WrongTopic {
        /// Full name of the record.
        record: String,
        /// Where it was found, without prefix.
        topic: String,
    },
    /// The bytes are not a datum of the writer's schema, or that schema does not resolve to ours.
    #[error("cannot read {record} from Avro")]
    Avro {
        /// Full name of the record.
        record: String,
        /// What Avro said.
        #[source]
        source: Box<apache_avro::Error>,
    },
    /// Bytes were left over behind the datum.
    #[error("{left} bytes are left over behind {record}")]
    Trailing {
        /// Full name of the record.
        record: String,
        /// How many.
        left: usize,
    },
    /// The record's key is not the key its content asks for.
    #[error("{record} has the key {found:?} instead of {expected:?}")]
    WrongKey {
        /// Full name of the record.
        record: String,
        /// The key on the record.
        found: String,
        /// The key its content asks for.
        expected: String,
    },
    /// A null value on a topic where that means nothing.
    #[error("a null value means nothing on the topic {0}")]
    Tombstone(String),
}

/// An event of the store's catalogue. `events::Event` is the one implementation in production.
pub trait Event: Clone + std::fmt::Debug + Send + Sync + Sized + 'static {
    /// Full name of the record, `counterflow.orders.OrderCreated`; a tombstone has a name too (`counterflow.customers.CustomerErased`).
    fn name(&self) -> &'static str;

    /// The topic it is published on, without prefix.
    fn topic(&self) -> &'static str;

    /// The key that orders it: all events of one key are handled in the order they were decided.
    fn key(&self) -> String;

    /// The id of the story it belongs to (`ce_correlationid`): the order's where there is one, else the key.
    fn correlation(&self) -> String {
        self.key()
    }

    /// Writes it with the schema of this build.
    fn encode(&self) -> Result<Body, EncodeError>;

    /// The schema this build writes and reads `record` with; `None` when the event is not known here.
    fn schema_of(record: &str) -> Option<&'static Schema>;

    /// The schema as the text that is registered (subject = `record`).
    fn schema_text_of(record: &str) -> Option<&'static str>;

    /// True where a key's last record wins for ever: such topics are published by a fenced producer.
    fn is_compacted(topic: &str) -> bool;

    /// Reads a datum that was written with `writer`, resolved to our own schema, and checks topic and key.
    fn decode(topic: &str, key: &str, writer: &Schema, datum: &[u8]) -> Result<Self, DecodeError>;

    /// Reads a null value.
    fn decode_tombstone(topic: &str, key: &str) -> Result<Self, DecodeError>;
}
