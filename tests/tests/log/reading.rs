//! What a consumer makes of records, as far as it needs neither database nor broker.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use billing::consumer::Billing;
use email::consumer::Email;
use events::{CATALOGUE, Event};
use inventory::consumer::Inventory;
use kernel::clock::SystemIds;
use kernel::{DecodeError, Event as _, Timestamp};
use messaging::core::batch::{self, Content, Fate, Record};
use messaging::core::consumer::ParkedKind;
use messaging::core::record::{self, Raw};
use messaging::core::writer::Writer;
use messaging::{Cause, Handler, Received};
use order::consumer::OrderHandler;
use order::watchers::Watchers;

use crate::forge::{Forged, Key};

/// What came of a record, or of one service's decision about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Undecodable,
    Behind,
    Unknown,
    Event,
    Decided,
    Ignored,
    Refused,
    Panicked,
}

impl Verdict {
    /// Those that a run must come to.
    pub const REACHED: [Self; 7] = [
        Self::Undecodable,
        Self::Behind,
        Self::Unknown,
        Self::Event,
        Self::Decided,
        Self::Ignored,
        Self::Refused,
    ];
}

/// How often each verdict was given.
#[derive(Debug, Default)]
pub struct Tally {
    records: u64,
    verdicts: BTreeMap<(Verdict, &'static str), u64>,
}

/// Of the catalogue, and one of newer code behind them.
static WRITERS: LazyLock<Vec<Writer>> = LazyLock::new(|| {
    let newer = r#"{"type":"record","name":"OrderShipped","namespace":"counterflow.orders","fields":[]}"#;
    let texts = CATALOGUE.iter().map(|record| record.schema_text).chain([newer]);
    texts.map(|text| Writer::parse(text).unwrap()).collect()
});

impl Tally {
    /// How often a verdict was given, by whomever.
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.verdicts.iter().filter(|((given, _), _)| *given == verdict).map(|(_, times)| times).sum()
    }

    /// Reads a batch as each service would.
    pub fn read(&mut self, batch: &[Forged]) {
        self.records += batch.len() as u64;
        let records: Vec<Record<Event>> =
            (0..).zip(batch).map(|(offset, forged)| decoded(offset, forged)).collect();
        let fates = batch::fates(&records, BTreeSet::new(), None);
        let mut events = Vec::new();
        for (record, fate) in records.iter().zip(&fates) {
            self.count(of_record(record, fate), "the log");
            if let (Content::Event(received), Fate::Handle(_)) = (&record.content, fate) {
                events.push(&**received);
            }
        }
        self.decide("order", &OrderHandler::new(Watchers::new(1)), &events);
        self.decide("inventory", &Inventory, &events);
        self.decide("billing", &Billing, &events);
        self.decide("email", &Email, &events);
    }

    /// Of the events on its topics, on aggregates nobody heard of before.
    fn decide<H>(&mut self, service: &'static str, handler: &H, events: &[&Received<Event>])
    where
        H: Handler<Event = Event>,
        H::Loaded: Default,
    {
        let mut events = events.to_vec();
        events.retain(|received| handler.topics().contains(&received.event.topic()));
        let fresh = events.iter().map(|received| received.metadata.id).collect();
        let (mut loaded, cause) = (H::Loaded::default(), |_| Cause::default());
        let decided = batch::keys(handler, &events).and_then(|_| {
            batch::decide(handler, &mut loaded, &events, fresh, Timestamp::EPOCH, &SystemIds, cause)
        });
        match decided {
            Err(parking) if parking.kind == ParkedKind::Panicked => {
                eprintln!("{service}: {}: {events:?}", parking.reason);
                self.count(Verdict::Panicked, service);
            }
            Err(_) => self.count(Verdict::Refused, service),
            Ok(decisions) => {
                for one in decisions.decided {
                    // What is decided can be written: else the outbox would refuse it.
                    one.effects.events.iter().for_each(|outgoing| drop(outgoing.event.encode().unwrap()));
                    self.count(
                        if one.effects.ignored.is_some() { Verdict::Ignored } else { Verdict::Decided },
                        service,
                    );
                }
            }
        }
    }

    fn count(&mut self, verdict: Verdict, by: &'static str) {
        *self.verdicts.entry((verdict, by)).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} records, {} panics", self.records, self.of(Verdict::Panicked))?;
        for ((verdict, by), times) in &self.verdicts {
            writeln!(f, "{times:>10} {verdict:?} ({by})")?;
        }
        Ok(())
    }
}

fn of_record(record: &Record<Event>, fate: &Fate) -> Verdict {
    match (&record.content, fate) {
        // Caught where it is read, so that it parks one record; here it is what is looked for.
        (Content::Undecodable(reason), _) if reason.contains("panicked") => {
            eprintln!("{reason}");
            Verdict::Panicked
        }
        (_, Fate::Park(parking)) if parking.kind == ParkedKind::Behind => Verdict::Behind,
        (_, Fate::Park(_)) => Verdict::Undecodable,
        (_, Fate::Skip) => Verdict::Unknown,
        (_, Fate::Handle(_)) => Verdict::Event,
    }
}

fn decoded(offset: i64, forged: &Forged) -> Record<Event> {
    let Forged { topic, value, headers, .. } = forged.clone();
    let writer = &WRITERS[forged.writer];
    let key = match &forged.key {
        Key::These(bytes) => bytes.clone(),
        Key::Own => Some(own_key(topic, writer, value.as_deref())),
    };
    let raw = Raw { offset, key, value, headers, timestamp_ms: Some(offset) };
    let content = record::read(topic, &raw, raw.schema_id().map(|_| writer));
    Record::of(offset, raw.key, content)
}

/// The key the content asks for: otherwise most records would end at it.
fn own_key(topic: &str, writer: &Writer, value: Option<&[u8]>) -> Vec<u8> {
    let datum = value.and_then(|value| value.get(5..)).unwrap_or_default();
    match Event::decode(topic, "", &writer.schema, datum) {
        Err(DecodeError::WrongKey { expected, .. }) => expected.into_bytes(),
        _ => b"0199f1a2-7b3c-7d4e-8f50-112233445566".to_vec(),
    }
}
