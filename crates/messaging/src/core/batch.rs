//! What happens to each record of a batch: decided in memory, in the order of the log.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use kernel::{Body, Event, EventId, Ids, Timestamp};

use super::consumer::{ParkedKind, Parking};
use crate::outbox::{Cause, Decided};
use crate::{Effects, Handler, Received, Refused};

/// A record after decoding.
#[derive(Clone, Debug)]
pub enum Content<E> {
    /// An event.
    Event(Box<Received<E>>),
    /// An event of a name this build does not know: newer code wrote it. Counted.
    Unknown(String),
    /// Not an event.
    Undecodable(String),
}

/// One record of a batch.
#[derive(Clone, Debug)]
pub struct Record<E> {
    /// Where it stands.
    pub offset: i64,
    /// Its key; `None` when there is none.
    pub key: Option<Vec<u8>>,
    /// What it says.
    pub content: Content<E>,
    /// It is the last word about its key and takes back all before it: a null value on a compacted topic.
    pub erases: bool,
}

impl<E: Event> Record<E> {
    /// What was read at `offset`.
    pub fn of(offset: i64, key: Option<Vec<u8>>, content: Content<E>) -> Self {
        let erases = match &content {
            Content::Event(received) => {
                let event = &received.event;
                E::is_compacted(event.topic()) && matches!(event.encode(), Ok(Body::Tombstone))
            }
            Content::Unknown(_) | Content::Undecodable(_) => false,
        };
        Self { offset, key, content, erases }
    }
}

/// What is to become of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Handled, unless the inbox knows it.
    Handle(EventId),
    /// Passed over.
    Skip,
    /// Into the dead letters; no inbox row, so that a redrive can write it.
    Park(Parking),
}

/// Says what is to become of each record: `parked` are the keys that already have dead letters, and the first record
/// is parked when the attempt says so. What follows a parked record of its key goes behind it; but an erasure waits for nothing:
/// what is parked of its key is taken back with all the rest.
pub fn fates<'a, E: 'a>(
    records: impl IntoIterator<Item = &'a Record<E>>,
    mut parked: BTreeSet<Vec<u8>>,
    first: Option<&Parking>,
) -> Vec<Fate> {
    let mut fates = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        if let Some(key) = record.key.as_ref().filter(|_| record.erases) {
            parked.remove(key);
        }
        let behind = record.key.as_ref().is_some_and(|key| parked.contains(key));
        let parking = match (&record.content, first.filter(|_| index == 0)) {
            (Content::Unknown(_), None) => {
                fates.push(Fate::Skip);
                continue;
            }
            _ if behind => Some(Parking {
                kind: ParkedKind::Behind,
                reason: "an earlier record of its key is parked".into(),
            }),
            (_, Some(parking)) => Some(parking.clone()),
            (Content::Undecodable(reason), None) => Some(Parking::undecodable(reason.clone())),
            (Content::Event(_), None) => None,
        };
        fates.push(match (parking, &record.content) {
            (Some(parking), _) => {
                parked.extend(record.key.clone());
                Fate::Park(parking)
            }
            (None, Content::Event(received)) => Fate::Handle(received.metadata.id),
            (None, _) => Fate::Skip,
        });
    }
    fates
}

/// What a batch came to.
#[derive(Debug)]
pub struct Decisions<E> {
    /// In the order of the events.
    pub decided: Vec<Decided<E>>,
    /// Events that were handled, by topic.
    pub handled: BTreeMap<&'static str, usize>,
    /// Events the inbox had already.
    pub duplicates: usize,
    /// Reasons of the domain for doing nothing, with how often.
    pub ignored: BTreeMap<&'static str, usize>,
}

/// Decides the events of a batch one after the other. `fresh` are the ids the inbox did not know; each counts once.
/// `cause` is that of what the event at an index makes happen.
pub fn decide<H: Handler>(
    handler: &H,
    loaded: &mut H::Loaded,
    events: &[&Received<H::Event>],
    mut fresh: BTreeSet<EventId>,
    now: Timestamp,
    ids: &dyn Ids,
    cause: impl Fn(usize) -> Cause,
) -> Result<Decisions<H::Event>, Parking> {
    let mut decisions =
        Decisions { decided: Vec::new(), handled: BTreeMap::new(), duplicates: 0, ignored: BTreeMap::new() };
    for (index, &received) in events.iter().enumerate() {
        if !fresh.remove(&received.metadata.id) {
            decisions.duplicates += 1;
            continue;
        }
        let effects = guarded(handler, loaded, received, now, ids)?;
        *decisions.handled.entry(received.event.topic()).or_default() += 1;
        if let Some(reason) = effects.ignored {
            *decisions.ignored.entry(reason).or_default() += 1;
        }
        decisions.decided.push(Decided { effects, at: now, cause: cause(index) });
    }
    Ok(decisions)
}

fn guarded<H: Handler>(
    handler: &H,
    loaded: &mut H::Loaded,
    received: &Received<H::Event>,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<Effects<H::Event>, Parking> {
    // On a panic `loaded` may be half changed; the caller throws it away with the transaction.
    let decided = catching(|| handler.decide(loaded, received, now, ids))?;
    decided.map_err(|Refused(reason)| Parking { kind: ParkedKind::Refused, reason })
}

fn catching<T>(work: impl FnOnce() -> T) -> Result<T, Parking> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Parking::panicked(&*panic))
}

/// The aggregates a batch touches.
pub fn keys<H: Handler>(handler: &H, events: &[&Received<H::Event>]) -> Result<BTreeSet<H::Key>, Parking> {
    let mut keys = BTreeSet::new();
    catching(|| events.iter().for_each(|received| handler.keys(&received.event, &mut keys)))?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undecodable(offset: i64, key: &[u8]) -> Record<()> {
        Record {
            offset,
            key: Some(key.to_vec()),
            content: Content::Undecodable("noise".into()),
            erases: false,
        }
    }

    /// An erasure, as far as its order is concerned: nothing else is an event of this type.
    fn erasure(offset: i64, key: &[u8]) -> Record<()> {
        Record { erases: true, ..undecodable(offset, key) }
    }

    fn kinds(fates: &[Fate]) -> Vec<Option<ParkedKind>> {
        fates
            .iter()
            .map(|fate| if let Fate::Park(parking) = fate { Some(parking.kind) } else { None })
            .collect()
    }

    #[test]
    fn what_follows_a_parked_record_of_its_key_goes_behind_it() {
        let records =
            [undecodable(1, b"a"), undecodable(2, b"b"), undecodable(3, b"a"), undecodable(4, b"c")];
        let fates = fates(&records, BTreeSet::from([b"c".to_vec()]), None);
        let (raw, behind) = (Some(ParkedKind::Undecodable), Some(ParkedKind::Behind));
        assert_eq!(kinds(&fates), [raw, raw, behind, behind]);
    }

    #[test]
    fn an_erasure_is_behind_nothing_and_what_follows_it_is_behind_nothing_older() {
        let later = |offset, key: &[u8]| Record {
            content: Content::Unknown("x.y.Later".into()),
            ..undecodable(offset, key)
        };
        let records =
            [undecodable(1, b"a"), erasure(2, b"a"), later(3, b"a"), erasure(4, b"b"), later(5, b"b")];
        let fates = fates(&records, BTreeSet::from([b"b".to_vec()]), None);
        let raw = Some(ParkedKind::Undecodable);
        assert_eq!(kinds(&fates), [raw, raw, None, raw, None]);
    }

    #[test]
    fn an_unknown_event_is_passed_over() {
        let content = Content::Unknown("x.y.Later".into());
        let record = Record::<()> { offset: 1, key: None, content, erases: false };
        assert_eq!(fates(&[record], BTreeSet::new(), None), [Fate::Skip]);
    }
}
