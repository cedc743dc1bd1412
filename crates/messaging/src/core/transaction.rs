//! What one transaction of a service does, step by step, whatever database it runs in: Postgres in production, memory in the
//! simulation. A batch of records moves the positions, drops what the inbox knows, decides, saves and parks; results of calls
//! end their intents and are taken in.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::future::Future;

use kernel::{Clock, EventId, Ids, Timestamp};
use serde_json::Value;

use super::batch::{self, Content, Decisions, Fate, Record};
use super::chain;
use super::consumer::{Outcome, ParkedKind, Parking, Position};
use super::record::Raw;
use crate::outbox::{Cause, Decided, Unsent};
use crate::{Handler, Intent, Received, StoreError, Worker};

/// A transaction of a service's database: all of it is committed, or nothing. Its rules are held equal, in Postgres and in
/// memory, by a test that does the same to both.
pub trait Transaction<H: Handler>: Send {
    /// Moves partitions from where this instance believes they are; false when one of them is somewhere else. First of all:
    /// it locks them against an instance that lost them without knowing.
    fn advance(&mut self, moves: &[Move<'_>]) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Which of these keys, each of the topic beside it, have parked records.
    fn parked_keys(
        &mut self,
        topics: &[&str],
        keys: &[&[u8]],
    ) -> impl Future<Output = Result<ParkedKeys, StoreError>> + Send;

    /// Writes ids to the inbox and returns those that were not there.
    fn unseen(
        &mut self,
        events: &[(EventId, Timestamp)],
    ) -> impl Future<Output = Result<BTreeSet<EventId>, StoreError>> + Send;

    /// Loads and locks aggregates.
    fn load(&mut self, keys: &BTreeSet<H::Key>)
    -> impl Future<Output = Result<H::Loaded, StoreError>> + Send;

    /// Writes what changed of them.
    fn save(&mut self, loaded: H::Loaded) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds to outbox and intents.
    fn write(
        &mut self,
        decided: Vec<Decided<H::Event>>,
    ) -> impl Future<Output = Result<Unsent, StoreError>> + Send;

    /// Parks a record; one that is parked already stays as it is.
    fn park(
        &mut self,
        letter: DeadLetter<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes away what the dead letters older than each of these say, in whatever state they are; what is still parked of
    /// them is discarded.
    fn erase(
        &mut self,
        erasures: &[Erasure<'_>],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends those of these intents that are still ours in this very try; returns which.
    fn end(&mut self, intents: &[&Intent]) -> impl Future<Output = Result<HashSet<i64>, StoreError>> + Send;

    /// Gives intents back, to be tried again at their time; at once those that were woken meanwhile.
    fn put_back(
        &mut self,
        due: &[(&Intent, Timestamp)],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes the decisions of a batch: a place to measure them.
    fn deciding<T>(&mut self, decide: impl FnOnce() -> T) -> T {
        decide()
    }
}

/// Keys by topic.
pub type ParkedKeys = BTreeMap<String, BTreeSet<Vec<u8>>>;

/// A partition to be moved.
#[derive(Clone, Copy, Debug)]
pub struct Move<'a> {
    /// Without prefix.
    pub topic: &'a str,
    /// Its number.
    pub partition: i32,
    /// Where this instance believes it is.
    pub from: i64,
    /// Where it is afterwards.
    pub to: Position,
}

/// A record to be parked, whole.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    /// Topic without prefix.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key as it was.
    pub key: Option<&'a [u8]>,
    /// Value as it was.
    pub value: Option<&'a [u8]>,
    /// Headers, values as text (base64 when they are not UTF-8).
    pub headers: Value,
    /// When it could be read.
    pub event_id: Option<EventId>,
    /// When it could be read.
    pub record: Option<&'a str>,
    /// Why.
    pub parking: &'a Parking,
    /// Tries before.
    pub attempts: u32,
    /// When the log stamped it.
    pub stamped_at: Option<Timestamp>,
}

/// A record that takes back all before it of its key.
#[derive(Clone, Copy, Debug)]
pub struct Erasure<'a> {
    /// Without prefix.
    pub topic: &'a str,
    /// Its partition: what another has of the key was written when there were fewer, and is older.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// Of whom.
    pub key: &'a [u8],
}

/// Records of one partition, tried in one transaction with those of others.
#[derive(Debug)]
pub struct Slice<'a, E> {
    /// Without prefix.
    pub topic: &'a str,
    /// Its number.
    pub partition: i32,
    /// Where this instance believes the position to be.
    pub from: i64,
    /// Tries so far.
    pub attempts: u32,
    /// The first record is parked for this.
    pub park: Option<&'a Parking>,
    /// At least one, in the order of the log.
    pub records: Vec<(&'a Raw, &'a Record<E>)>,
}

/// Where a record stands in what is tried: its slice, and itself, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which slice.
    pub slice: usize,
    /// Which record of it.
    pub record: usize,
}

/// What a batch came to, once it is committed.
#[derive(Debug)]
pub struct Done<H: Handler> {
    /// What it touched.
    pub keys: BTreeSet<H::Key>,
    /// What was decided; `None` where nothing was new.
    pub decisions: Option<Decisions<H::Event>>,
    /// Records the inbox knew.
    pub duplicates: Vec<Place>,
    /// Records that were parked, and why.
    pub parked: Vec<(Place, ParkedKind)>,
    /// What is to be carried out now.
    pub unsent: Unsent,
}

/// Why nothing of a batch is to be committed.
#[derive(Debug)]
pub enum Failure {
    /// The database.
    Store(StoreError),
    /// Somebody else moved a position.
    Moved,
    /// The domain refused, or panicked, at a record.
    Refused(Parking),
}

impl Failure {
    /// What a try came to that ended so.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Store(error) => Outcome::Failed(error.verdict(), chain(&error)),
            Self::Moved => Outcome::Moved,
            Self::Refused(parking) => Outcome::Refused(parking),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Who decides, when, and with which ids.
pub struct Deciding<'a, H> {
    /// The service.
    pub handler: &'a H,
    /// Asked when everything is locked.
    pub clock: &'a dyn Clock,
    /// For what is published.
    pub ids: &'a dyn Ids,
}

/// Handles a batch; to be committed when it is `Ok`, to be rolled back when not. `cause` is that of what a record makes happen.
pub async fn handle<H: Handler, T: Transaction<H>>(
    transaction: &mut T,
    deciding: &Deciding<'_, H>,
    slices: &[Slice<'_, H::Event>],
    cause: impl Fn(Place, &Received<H::Event>) -> Cause + Send,
) -> Result<Done<H>, Failure> {
    let moves: Vec<Move<'_>> = slices.iter().map(Slice::moved).collect();
    if !transaction.advance(&moves).await? {
        return Err(Failure::Moved);
    }
    let fates = fates(transaction, slices).await?;
    let handled = handled(slices, &fates);
    let mut done = Done::nothing();
    if !handled.is_empty() {
        react(transaction, deciding, &handled, cause, &mut done).await?;
    }
    let now = deciding.clock.now();
    done.parked = park(transaction, slices, &fates, now).await?;
    // Also when it is parked itself, and after what of this batch is: an erasure waits for nothing.
    let erasures: Vec<Erasure<'_>> = slices.iter().flat_map(Slice::erasures).collect();
    if !erasures.is_empty() {
        transaction.erase(&erasures, now).await?;
    }
    Ok(done)
}

impl<H: Handler> Done<H> {
    /// Before anything is done.
    pub fn nothing() -> Self {
        let (keys, duplicates, parked) = (BTreeSet::new(), Vec::new(), Vec::new());
        Self { keys, decisions: None, duplicates, parked, unsent: Unsent::default() }
    }
}

/// Lets the service decide what the inbox does not know of `handled`, and writes what it wants.
pub async fn react<H: Handler, T: Transaction<H>>(
    transaction: &mut T,
    deciding: &Deciding<'_, H>,
    handled: &[(Place, &Received<H::Event>)],
    cause: impl Fn(Place, &Received<H::Event>) -> Cause + Send,
    done: &mut Done<H>,
) -> Result<(), Failure> {
    let events: Vec<&Received<H::Event>> = handled.iter().map(|(_, received)| *received).collect();
    let ids: Vec<_> = events.iter().map(|one| (one.metadata.id, one.metadata.time)).collect();
    let fresh = transaction.unseen(&ids).await?;
    let known = handled.iter().filter(|(_, received)| !fresh.contains(&received.metadata.id));
    done.duplicates = known.map(|(place, _)| *place).collect();
    done.keys = batch::keys(deciding.handler, &events).map_err(Failure::Refused)?;
    if fresh.is_empty() {
        return Ok(());
    }
    let mut loaded = transaction.load(&done.keys).await?;
    let cause = |index: usize| cause(handled[index].0, handled[index].1);
    let Deciding { handler, clock, ids } = *deciding;
    let decided =
        transaction.deciding(|| batch::decide(handler, &mut loaded, &events, fresh, clock.now(), ids, cause));
    let mut decisions = decided.map_err(Failure::Refused)?;
    transaction.save(loaded).await?;
    done.unsent = transaction.write(std::mem::take(&mut decisions.decided)).await?;
    done.decisions = Some(decisions);
    Ok(())
}

/// What is to become of each record of each slice.
async fn fates<H: Handler, T: Transaction<H>>(
    transaction: &mut T,
    slices: &[Slice<'_, H::Event>],
) -> Result<Vec<Vec<Fate>>, StoreError> {
    let mut topics = Vec::new();
    let mut keys = Vec::new();
    for slice in slices {
        for key in slice.records.iter().filter_map(|(raw, _)| raw.key.as_deref()) {
            topics.push(slice.topic);
            keys.push(key);
        }
    }
    let parked = transaction.parked_keys(&topics, &keys).await?;
    let fates = |slice: &Slice<'_, H::Event>| {
        let parked = parked.get(slice.topic).cloned().unwrap_or_default();
        batch::fates(slice.records.iter().map(|(_, record)| *record), parked, slice.park)
    };
    Ok(slices.iter().map(fates).collect())
}

fn handled<'a, E>(slices: &'a [Slice<'_, E>], fates: &[Vec<Fate>]) -> Vec<(Place, &'a Received<E>)> {
    let mut handled = Vec::new();
    for (slice, (one, fates)) in slices.iter().zip(fates).enumerate() {
        for (record, ((_, read), fate)) in one.records.iter().zip(fates).enumerate() {
            if let (Content::Event(received), Fate::Handle(_)) = (&read.content, fate) {
                handled.push((Place { slice, record }, &**received));
            }
        }
    }
    handled
}

async fn park<H: Handler, T: Transaction<H>>(
    transaction: &mut T,
    slices: &[Slice<'_, H::Event>],
    fates: &[Vec<Fate>],
    now: Timestamp,
) -> Result<Vec<(Place, ParkedKind)>, StoreError> {
    let mut parked = Vec::new();
    for (slice, (one, fates)) in slices.iter().zip(fates).enumerate() {
        for (record, fate) in fates.iter().enumerate() {
            let Fate::Park(parking) = fate else { continue };
            transaction.park(one.letter(record, parking), now).await?;
            parked.push((Place { slice, record }, parking.kind));
        }
    }
    Ok(parked)
}

impl<E: kernel::Event> Slice<'_, E> {
    /// Where the position is afterwards.
    pub fn end(&self) -> i64 {
        self.records.last().map_or(self.from, |(raw, _)| raw.offset + 1)
    }

    fn moved(&self) -> Move<'_> {
        let last = self.records.last();
        let time = last.and_then(|(_, record)| match &record.content {
            Content::Event(received) => Some(received.metadata.time),
            Content::Unknown(_) | Content::Undecodable(_) => None,
        });
        let last_event_id = last.and_then(|(raw, _)| raw.event_id());
        let to = Position { next_offset: self.end(), last_event_id, last_event_time: time };
        Move { topic: self.topic, partition: self.partition, from: self.from, to }
    }

    fn erasures(&self) -> impl Iterator<Item = Erasure<'_>> {
        self.records.iter().filter(|(_, record)| record.erases).filter_map(|(raw, record)| {
            let (topic, partition) = (self.topic, self.partition);
            Some(Erasure { topic, partition, offset: raw.offset, key: record.key.as_deref()? })
        })
    }

    fn letter<'a>(&'a self, record: usize, parking: &'a Parking) -> DeadLetter<'a> {
        let (raw, record) = self.records[record];
        let name = match &record.content {
            Content::Event(received) => Some(received.event.name()),
            Content::Unknown(name) => Some(name.as_str()),
            Content::Undecodable(_) => None,
        };
        DeadLetter {
            topic: self.topic,
            partition: self.partition,
            offset: raw.offset,
            key: raw.key.as_deref(),
            value: raw.value.as_deref(),
            headers: raw.headers_json(),
            event_id: raw.event_id(),
            record: name,
            parking,
            attempts: self.attempts,
            stamped_at: raw.stamped_at(),
        }
    }
}

/// Takes in the results of calls, and gives back those that must be made again; to be committed when it is `Ok`. Only an
/// intent that is still ours has an effect. Returns what it touched, and what is to be carried out now.
pub async fn conclude<W: Worker, T: Transaction<W>>(
    transaction: &mut T,
    deciding: &Deciding<'_, W>,
    done: Vec<(&Intent, W::Outcome, Cause)>,
    again: &[(&Intent, Timestamp)],
    now: Timestamp,
) -> Result<(BTreeSet<W::Key>, Unsent), StoreError> {
    let mut keys = BTreeSet::new();
    let mut unsent = Unsent::default();
    if !done.is_empty() {
        for (intent, _, _) in &done {
            deciding.handler.intent_keys(intent, &mut keys);
        }
        let mut loaded = transaction.load(&keys).await?;
        let intents: Vec<&Intent> = done.iter().map(|(intent, _, _)| *intent).collect();
        let ended = transaction.end(&intents).await?;
        let mut decided = Vec::new();
        for (intent, outcome, cause) in done.into_iter().filter(|(intent, _, _)| ended.contains(&intent.id)) {
            let effects = deciding.handler.conclude(&mut loaded, intent, outcome, now, deciding.ids);
            decided.push(Decided { effects, at: now, cause });
        }
        transaction.save(loaded).await?;
        unsent = transaction.write(decided).await?;
    }
    if !again.is_empty() {
        transaction.put_back(again, now).await?;
    }
    Ok((keys, unsent))
}
