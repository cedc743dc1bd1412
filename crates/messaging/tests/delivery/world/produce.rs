//! A record as no client library lets one write it: Kafka's Produce request, by hand.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::log::Forged;

/// Request 0, version 3: the first with records of format 2, and the oldest that brokers still take.
const PRODUCE: [u8; 4] = [0, 0, 0, 3];

/// Appends `record` to partition 0, with its id and a header named `name`, which need not be text.
pub async fn one(bootstrap: &str, topic: &str, record: &Forged, name: &[u8]) {
    let mut body = [&PRODUCE[..], &7_i32.to_be_bytes(), &[0, 1], b"t", &(-1_i16).to_be_bytes()].concat();
    body.extend([&(-1_i16).to_be_bytes()[..], &10_000_i32.to_be_bytes()].concat()); // acks of all, time-out
    body.extend([&1_i32.to_be_bytes()[..], &i16::try_from(topic.len()).unwrap().to_be_bytes()].concat());
    body.extend(topic.as_bytes());
    body.extend([&1_i32.to_be_bytes()[..], &0_i32.to_be_bytes()].concat()); // one partition, number 0
    sized(&mut body, &batch(&encoded(record, name)));
    let mut request = Vec::new();
    sized(&mut request, &body);

    let mut broker = TcpStream::connect(bootstrap).await.unwrap();
    broker.write_all(&request).await.unwrap();
    let length = broker.read_u32().await.unwrap();
    let mut answer = vec![0; usize::try_from(length).unwrap()];
    broker.read_exact(&mut answer).await.unwrap();
    // Behind correlation, two counts, the topic and the partition's number: the error code.
    let at = 4 + 4 + 2 + topic.len() + 4 + 4;
    assert_eq!(answer[at..at + 2], [0, 0], "the broker refused the record");
}

fn sized(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend(i32::try_from(part.len()).unwrap().to_be_bytes());
    bytes.extend(part);
}

/// A batch of one record, without compression, of no transaction.
fn batch(record: &[u8]) -> Vec<u8> {
    let mut checked = [0_i16.to_be_bytes().as_slice(), &0_i32.to_be_bytes()].concat();
    checked.extend([0_i64.to_be_bytes(), 0_i64.to_be_bytes(), (-1_i64).to_be_bytes()].concat());
    checked.extend(
        [&(-1_i16).to_be_bytes()[..], &(-1_i32).to_be_bytes(), &1_i32.to_be_bytes(), record].concat(),
    );
    let after_length =
        [&(-1_i32).to_be_bytes()[..], &[2], &crc32c(&checked).to_be_bytes(), &checked].concat();
    let mut batch = 0_i64.to_be_bytes().to_vec();
    sized(&mut batch, &after_length);
    batch
}

fn encoded(record: &Forged, name: &[u8]) -> Vec<u8> {
    let mut inner = vec![0, 0, 0]; // attributes, time and offset within the batch
    field(&mut inner, record.key.as_deref().unwrap_or_default());
    field(&mut inner, record.value.as_deref().unwrap_or_default());
    varint(&mut inner, 2);
    for (name, value) in [(b"ce_id".as_slice(), record.ids[0].to_string().as_bytes()), (name, b"".as_slice())]
    {
        field(&mut inner, name);
        field(&mut inner, value);
    }
    let mut outer = Vec::new();
    field(&mut outer, &inner);
    outer
}

fn field(bytes: &mut Vec<u8>, part: &[u8]) {
    varint(bytes, part.len());
    bytes.extend(part);
}

/// Zigzag, seven bits a byte.
fn varint(bytes: &mut Vec<u8>, number: usize) {
    let mut rest = number << 1;
    while rest > 0x7f {
        bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap());
}

fn crc32c(bytes: &[u8]) -> u32 {
    let shifted = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shifted(crc)))
}
