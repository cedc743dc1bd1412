//! A catalogue of two topics, one of them compacted, and a service that does nothing.

use std::collections::BTreeSet;

use apache_avro::Schema;
use kernel::{Body, DecodeError, EncodeError, Event, Ids, Timestamp};

use crate::memory::{Database, Tables};
use crate::{Effects, Handler, Received, Refused};

pub const TOPICS: [&str; 2] = ["notes", "labels"];

#[derive(Clone, Debug)]
pub struct Note {
    pub topic: &'static str,
    pub key: String,
}

impl Event for Note {
    fn name(&self) -> &'static str {
        "counterflow.test.Erased"
    }

    fn topic(&self) -> &'static str {
        self.topic
    }

    fn key(&self) -> String {
        self.key.clone()
    }

    fn encode(&self) -> Result<Body, EncodeError> {
        Ok(Body::Tombstone) // what stands in a row is no rule
    }

    fn schema_of(_: &str) -> Option<&'static Schema> {
        None
    }

    fn schema_text_of(_: &str) -> Option<&'static str> {
        None
    }

    fn is_compacted(topic: &str) -> bool {
        topic == TOPICS[1]
    }

    fn decode(_: &str, _: &str, _: &Schema, _: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::UnknownEvent(String::new()))
    }

    fn decode_tombstone(topic: &str, _: &str) -> Result<Self, DecodeError> {
        Err(DecodeError::Tombstone(topic.into()))
    }
}

/// Only names the types of a transaction.
pub struct Nobody;

impl Handler for Nobody {
    type Event = Note;
    type Key = ();
    type Loaded = ();

    fn topics(&self) -> &'static [&'static str] {
        &TOPICS
    }

    fn keys(&self, _: &Note, _: &mut BTreeSet<()>) {}

    fn decide(
        &self,
        (): &mut (),
        _: &Received<Note>,
        _: Timestamp,
        _: &dyn Ids,
    ) -> Result<Effects<Note>, Refused> {
        Ok(Effects::none())
    }
}

impl Tables<Nobody> for () {
    fn load(&self, _: &Database<Note>, _: &BTreeSet<()>) {}

    fn save(&mut self, (): ()) {}
}
