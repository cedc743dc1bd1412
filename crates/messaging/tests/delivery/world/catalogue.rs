//! A small catalogue of its own: messaging knows nothing of orders, and neither do its tests.

use std::sync::LazyLock;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Schema, from_value};
use kernel::{Body, DecodeError, EncodeError, Event, Ids as _, clock::SystemIds};
use serde::{Deserialize, Serialize};

pub const NOTES: &str = "notes";
pub const ECHOES: &str = "echoes";
pub const LABELS: &str = "labels";

/// What a note asks its reader to do; see `service.rs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    pub key: String,
    pub number: i64,
    pub mood: String,
    /// Not there in the first version of the schema.
    pub remark: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    pub key: String,
    pub number: i64,
}

/// On `notes`: Noted and Late. On `echoes`: Echoed. On `labels`, compacted: Labelled and Unlabelled.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    Noted(Noted),
    /// Of a schema that is not registered until a test does it.
    Late(Numbered),
    Echoed(Numbered),
    Labelled(Numbered),
    Unlabelled(String),
}

pub const NOTED: &str = "counterflow.test.Noted";
pub const ECHOED: &str = "counterflow.test.Echoed";
pub const LABELLED: &str = "counterflow.test.Labelled";
const UNLABELLED: &str = "counterflow.test.Unlabelled";
/// Another name in every run, so that no run before has registered it.
pub static LATE: LazyLock<&'static str> = LazyLock::new(|| {
    Box::leak(format!("counterflow.test.Late{}", SystemIds.next().simple()).into_boxed_str())
});

pub const NOTED_V1: &str = r#"{"type":"record","name":"Noted","namespace":"counterflow.test","fields":[{"name":"key","type":"string"},{"name":"number","type":"long"},{"name":"mood","type":"string"}]}"#;
const NOTED_V2: &str = r#"{"type":"record","name":"Noted","namespace":"counterflow.test","fields":[{"name":"key","type":"string"},{"name":"number","type":"long"},{"name":"mood","type":"string"},{"name":"remark","type":"string","default":"none yet"}]}"#;
static TEXTS: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
    vec![
        (NOTED, NOTED_V2),
        (ECHOED, numbered(ECHOED)),
        (LABELLED, numbered(LABELLED)),
        (*LATE, numbered(*LATE)),
    ]
});
static SCHEMAS: LazyLock<Vec<(&'static str, Schema)>> =
    LazyLock::new(|| TEXTS.iter().map(|(name, text)| (*name, Schema::parse_str(text).unwrap())).collect());

fn numbered(full_name: &str) -> &'static str {
    let (namespace, name) = full_name.rsplit_once('.').unwrap();
    let fields = r#"[{"name":"key","type":"string"},{"name":"number","type":"long"}]"#;
    let text = format!(r#"{{"type":"record","name":"{name}","namespace":"{namespace}","fields":{fields}}}"#);
    Box::leak(text.into_boxed_str())
}

/// What is registered before any test: both versions of `Noted`, and the others but `Late`.
pub fn registered() -> Vec<(&'static str, &'static str)> {
    let mut all = vec![(NOTED, NOTED_V1)];
    all.extend(TEXTS.iter().filter(|(name, _)| name != &*LATE));
    all
}

fn datum(record: &'static str, text: &str, value: &impl Serialize) -> Result<Body, EncodeError> {
    let schema = Schema::parse_str(text).unwrap();
    let writer = GenericDatumWriter::builder(&schema).human_readable(true).build().unwrap();
    let written = writer.write_ser_to_vec(value);
    written
        .map(|datum| Body::Avro { datum, record })
        .map_err(|source| EncodeError { record, source: Box::new(source) })
}

impl Event for Note {
    fn name(&self) -> &'static str {
        match self {
            Self::Noted(_) => NOTED,
            Self::Late(_) => *LATE,
            Self::Echoed(_) => ECHOED,
            Self::Labelled(_) => LABELLED,
            Self::Unlabelled(_) => UNLABELLED,
        }
    }

    fn topic(&self) -> &'static str {
        match self {
            Self::Noted(_) | Self::Late(_) => NOTES,
            Self::Echoed(_) => ECHOES,
            Self::Labelled(_) | Self::Unlabelled(_) => LABELS,
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Noted(noted) => noted.key.clone(),
            Self::Late(it) | Self::Echoed(it) | Self::Labelled(it) => it.key.clone(),
            Self::Unlabelled(key) => key.clone(),
        }
    }

    fn encode(&self) -> Result<Body, EncodeError> {
        let text = Self::schema_text_of(self.name()).unwrap_or_default();
        match self {
            Self::Noted(noted) => datum(NOTED, text, noted),
            Self::Late(it) | Self::Echoed(it) | Self::Labelled(it) => datum(self.name(), text, it),
            Self::Unlabelled(_) => Ok(Body::Tombstone),
        }
    }

    fn schema_of(record: &str) -> Option<&'static Schema> {
        SCHEMAS.iter().find(|(name, _)| *name == record).map(|(_, schema)| schema)
    }

    fn schema_text_of(record: &str) -> Option<&'static str> {
        TEXTS.iter().find(|(name, _)| *name == record).map(|(_, text)| *text)
    }

    fn is_compacted(topic: &str) -> bool {
        topic == LABELS
    }

    fn decode(topic: &str, key: &str, writer: &Schema, mut datum: &[u8]) -> Result<Self, DecodeError> {
        let Schema::Record(record) = writer else {
            return Err(DecodeError::UnknownEvent("no record".into()));
        };
        let name = record.name.fullname(None);
        let reader = Self::schema_of(&name).ok_or_else(|| DecodeError::UnknownEvent(name.clone()))?;
        let bad = |source| DecodeError::Avro { record: name.clone(), source: Box::new(source) };
        let reading = GenericDatumReader::builder(writer).reader_schema(reader).build().map_err(bad)?;
        let value = reading.read_value(&mut datum).map_err(bad)?;
        let event = match name.as_str() {
            NOTED => Self::Noted(from_value(&value).map_err(bad)?),
            ECHOED => Self::Echoed(from_value(&value).map_err(bad)?),
            LABELLED => Self::Labelled(from_value(&value).map_err(bad)?),
            _ => Self::Late(from_value(&value).map_err(bad)?),
        };
        if event.topic() != topic {
            return Err(DecodeError::WrongTopic { record: name, topic: topic.into() });
        }
        if event.key() != key {
            return Err(DecodeError::WrongKey { record: name, found: key.into(), expected: event.key() });
        }
        // What hostile bytes did to decoders of others before.
        assert!(!matches!(&event, Self::Noted(noted) if noted.mood == "panic while decoding"), "as asked");
        Ok(event)
    }

    fn decode_tombstone(topic: &str, key: &str) -> Result<Self, DecodeError> {
        if topic == LABELS {
            Ok(Self::Unlabelled(key.into()))
        } else {
            Err(DecodeError::Tombstone(topic.into()))
        }
    }
}

/// The catalogue as an older build has it: it writes `Noted` without `remark`.
#[derive(Clone, Debug)]
pub struct OldNote(pub Noted);

#[derive(Serialize)]
struct OldNoted<'a> {
    key: &'a str,
    number: i64,
    mood: &'a str,
}

impl Event for OldNote {
    fn name(&self) -> &'static str {
        NOTED
    }

    fn topic(&self) -> &'static str {
        NOTES
    }

    fn key(&self) -> String {
        self.0.key.clone()
    }

    fn encode(&self) -> Result<Body, EncodeError> {
        datum(NOTED, NOTED_V1, &OldNoted { key: &self.0.key, number: self.0.number, mood: &self.0.mood })
    }

    fn schema_of(_: &str) -> Option<&'static Schema> {
        None // it only writes
    }

    fn schema_text_of(record: &str) -> Option<&'static str> {
        (record == NOTED).then_some(NOTED_V1)
    }

    fn is_compacted(_: &str) -> bool {
        false
    }

    fn decode(_: &str, _: &str, _: &Schema, _: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::UnknownEvent("it only writes".into()))
    }

    fn decode_tombstone(topic: &str, _: &str) -> Result<Self, DecodeError> {
        Err(DecodeError::Tombstone(topic.into()))
    }
}

/// A note that is just taken in.
pub fn note(key: &str, number: i64) -> Note {
    moody(key, number, "")
}

/// A note that asks its reader for something.
pub fn moody(key: &str, number: i64, mood: &str) -> Note {
    Note::Noted(Noted { key: key.into(), number, mood: mood.into(), remark: "by hand".into() })
}
