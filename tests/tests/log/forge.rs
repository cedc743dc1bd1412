//! Records as nobody writes them: golden ones that were damaged, and bytes that never were one.

use std::fs;

use events::{CATALOGUE, topics};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A record, and what it is to be read with.
#[derive(Clone, Debug)]
pub struct Forged {
    pub topic: &'static str,
    /// What its schema's id stands for: one of the catalogue, or the one behind it, which nobody knows.
    pub writer: usize,
    pub key: Key,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

#[derive(Clone, Debug)]
pub enum Key {
    /// The one its content asks for, if it can be read.
    Own,
    These(Option<Vec<u8>>),
}

#[derive(Clone, Debug)]
enum Harm {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    /// The rest of another golden record.
    Splice(Index, usize, Index),
    /// A length or a number as large as its bytes can say.
    Claim(Index, usize),
}

const HEADERS: [&str; 9] = [
    "ce_id",
    "ce_time",
    "ce_type",
    "ce_sequence",
    "ce_correlationid",
    "ce_causationid",
    "traceparent",
    "tracestate",
    "x",
];
const TEXTS: [&str; 9] = [
    "",
    "1",
    "-1",
    "9223372036854775807",
    "9999-12-31T23:59:59Z",
    "0000-01-01T00:00:00-23:59",
    "0199f1a2-7b3c-7d4e-8f50-112233445566",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    "nul \0",
];

/// So many records, one behind the other.
pub fn batch(records: usize) -> impl Strategy<Value = Vec<Forged>> {
    vec(forged(), records)
}

fn forged() -> impl Strategy<Value = Forged> {
    let value =
        (0..CATALOGUE.len(), prop_oneof![6 => vec(harm(), 0..3).prop_map(Ok), 1 => bytes(300).prop_map(Err)]);
    let elsewhere = prop_oneof![8 => Just(None), 1 => (0..=CATALOGUE.len()).prop_map(Some)];
    let topic = prop_oneof![8 => Just(None), 1 => select(topics::ALL).prop_map(Some)];
    let bare = prop_oneof![30 => Just(false), 1 => Just(true)];
    (value, elsewhere, topic, key(), headers(), bare).prop_map(
        |((record, value), writer, topic, key, headers, bare)| {
            let framed = match value {
                Ok(harms) => harms.into_iter().fold(golden(record), damaged),
                Err(bytes) => bytes,
            };
            let value = if bare { None } else { Some(framed) };
            Forged {
                topic: topic.unwrap_or(CATALOGUE[record].topic),
                writer: writer.unwrap_or(record),
                key,
                value,
                headers,
            }
        },
    )
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![8 => Just(Key::Own), 1 => proptest::option::of(bytes(60)).prop_map(Key::These)]
}

/// One good id, unless there is none, or another, or one too many.
fn headers() -> impl Strategy<Value = Vec<(String, Option<Vec<u8>>)>> {
    let name = prop_oneof![9 => select(&HEADERS[..]).prop_map(ToOwned::to_owned), 1 => any::<String>()];
    let text = select(&TEXTS[..]).prop_map(|text| Some(text.as_bytes().to_vec()));
    let value = prop_oneof![3 => text, 1 => proptest::option::of(bytes(60))];
    let id = prop_oneof![9 => any::<u128>().prop_map(Some), 1 => Just(None)];
    (id, vec((name, value), 0..4)).prop_map(|(id, mut headers)| {
        let id = id.map(|id| uuid::Uuid::from_u128(id).to_string().into_bytes());
        headers.extend(id.map(|id| ("ce_id".to_owned(), Some(id))));
        headers
    })
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
        any::<Index>().prop_map(Harm::Cut),
        (any::<Index>(), bytes(12)).prop_map(|(at, more)| Harm::Insert(at, more)),
        (any::<Index>(), 0..CATALOGUE.len(), any::<Index>())
            .prop_map(|(at, other, from)| Harm::Splice(at, other, from)),
        (any::<Index>(), 0..9_usize).prop_map(|(at, length)| Harm::Claim(at, length)),
    ]
}

fn damaged(mut bytes: Vec<u8>, harm: Harm) -> Vec<u8> {
    let place = |at: Index, bytes: &Vec<u8>| at.index(bytes.len() + 1);
    match harm {
        Harm::Set(at, byte) if !bytes.is_empty() => *at.get_mut(&mut bytes) = byte,
        Harm::Flip(at, bit) if !bytes.is_empty() => *at.get_mut(&mut bytes) ^= 1 << bit,
        Harm::Set(..) | Harm::Flip(..) => {}
        Harm::Cut(at) => bytes.truncate(place(at, &bytes)),
        Harm::Insert(at, more) => drop(bytes.splice(place(at, &bytes)..place(at, &bytes), more)),
        Harm::Splice(at, other, from) => {
            let other = golden(other);
            bytes.truncate(place(at, &bytes));
            bytes.extend(&other[from.index(other.len())..]);
        }
        Harm::Claim(at, length) => {
            // Even, which is how Avro writes a number that is not negative.
            let claim = [0xfe].into_iter().chain(std::iter::repeat_n(0xff, length)).chain([0x7f]);
            drop(bytes.splice(place(at, &bytes)..place(at, &bytes), claim));
        }
    }
    bytes
}

/// The bytes of the newest release of a record of the catalogue, in a frame.
fn golden(record: usize) -> Vec<u8> {
    static GOLDEN: std::sync::LazyLock<Vec<Vec<u8>>> =
        std::sync::LazyLock::new(|| CATALOGUE.iter().map(from_file).collect());
    GOLDEN[record].clone()
}

fn from_file(record: &events::Record) -> Vec<u8> {
    let name = record.name.trim_start_matches("counterflow.").replace('.', "/");
    let folder = format!("{}/../schemas/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let newest = fs::read_dir(&folder).unwrap().count();
    let text = fs::read_to_string(format!("{folder}/{newest}.hex")).unwrap();
    let digits: String = text.split_whitespace().collect();
    let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    [0, 0, 0, 0, 1].into_iter().chain(bytes).collect()
}
