//! Events that no service of ours would write, sent by its own outbox and relay.

use all::launch::Program;
use events::Event;
use kernel::clock::{SystemClock, SystemIds};
use kernel::{Body, Clock as _, DecodeError, EncodeError, Event as _, EventId, Ids as _};
use messaging::{Cause, Effects, Outbox, Outgoing};
use sqlx::Connection as _;

use crate::Shop;

/// A body under the name of an event and a key that need not be its own.
#[derive(Clone, Debug)]
#[must_use = "it is not planted yet"]
pub struct Planted {
    /// Of the record.
    pub name: &'static str,
    /// Where it goes.
    pub topic: &'static str,
    /// Under which key.
    pub key: String,
    /// What it says.
    pub body: Body,
}

impl Planted {
    /// As it should be.
    pub fn good(event: impl Into<Event>) -> Self {
        let event = event.into();
        Self {
            name: event.name(),
            topic: event.topic(),
            key: event.key(),
            body: event.encode().expect("it can be written"),
        }
    }

    /// With the number `to` where `from` is.
    pub fn with(mut self, from: i64, to: i64) -> Self {
        let Body::Avro { datum, .. } = &mut self.body else { panic!("a body") };
        let (old, new) = (varint(from), varint(to));
        let at = datum.windows(old.len()).position(|bytes| bytes == old).expect("the number is there");
        datum.splice(at..at + old.len(), new);
        self
    }

    /// Without its last byte.
    pub fn cut(mut self) -> Self {
        let Body::Avro { datum, .. } = &mut self.body else { panic!("a body") };
        datum.pop();
        self
    }

    /// With one byte too many.
    pub fn longer(mut self) -> Self {
        let Body::Avro { datum, .. } = &mut self.body else { panic!("a body") };
        datum.push(0);
        self
    }
}

/// As Avro writes it: zigzag, seven bits a byte.
fn varint(number: i64) -> Vec<u8> {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while rest > 0x7f {
        bytes.push(u8::try_from(rest & 0x7f).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).expect("seven bits"));
    bytes
}

/// Sends them as `program` sends its own.
pub async fn plant(shop: &Shop, program: Program, planted: &[Planted]) {
    let events =
        planted.iter().map(|one| Outgoing { id: EventId(SystemIds.next()), sequence: 2, event: one.clone() });
    let effects = Effects { events: events.collect(), intents: Vec::new(), ignored: None };
    let mut connection = shop.connect(program).await;
    let mut transaction = connection.begin().await.expect("its database answers");
    let outbox = Outbox::of(program.name());
    let _unsent = outbox
        .write(&mut transaction, effects, Cause::default(), SystemClock.now())
        .await
        .expect("it is written");
    transaction.commit().await.expect("it is committed");
}

/// It is only written; who reads it knows the catalogue.
impl kernel::Event for Planted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn topic(&self) -> &'static str {
        self.topic
    }

    fn key(&self) -> String {
        self.key.clone()
    }

    fn encode(&self) -> Result<Body, EncodeError> {
        Ok(self.body.clone())
    }

    fn schema_of(record: &str) -> Option<&'static apache_avro::Schema> {
        Event::schema_of(record)
    }

    fn schema_text_of(record: &str) -> Option<&'static str> {
        Event::schema_text_of(record)
    }

    fn is_compacted(topic: &str) -> bool {
        Event::is_compacted(topic)
    }

    fn decode(_: &str, _: &str, writer: &apache_avro::Schema, _: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::UnknownEvent(format!("{writer:?}")))
    }

    fn decode_tombstone(topic: &str, _: &str) -> Result<Self, DecodeError> {
        Err(DecodeError::Tombstone(topic.to_owned()))
    }
}
