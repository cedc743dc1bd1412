//! Carries a projection along the log.

use std::collections::{BTreeMap, BTreeSet};

use messaging::core::batch::Content;
use messaging::log::{Entry, Extent, Log, LogError, Reading, Span};
use messaging::{Received, StoreError};

use crate::checkpoint::Found;
use crate::store::{Database, Place, Scratch};
use crate::{Evolved, FoldError, Projection, Shelf};

/// Records that are taken in by one transaction, unless told otherwise.
const RECORDS_MAX: usize = 4_000;
/// Facts that wait for what they are about. With more, only the topics that may bring it are read.
const EARLY_MAX: usize = 4_000;

/// What the rows are folded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be compared and dropped.
    Audit,
    /// To take the place of the live ones. What an earlier run has done is gone on with.
    Rebuild,
}

/// What was passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Events of names that this build does not know.
    pub unknown: u64,
    /// Records that are no event.
    pub undecodable: u64,
    /// The first of them: `topic/partition@offset`.
    pub first_undecodable: Vec<String>,
    /// Facts somebody gave up.
    pub discarded: u64,
    /// Facts about nothing that is in the log.
    pub about_nothing: u64,
}

/// Names of what was passed over that are kept.
const NAMED_MAX: usize = 20;

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records read since it was begun or gone on with.
    pub records: u64,
    /// Records up to the end that is wanted now, those included; a little less where there are marks of transactions.
    pub all: u64,
}

/// Rows of one service, as far as they are folded.
pub struct Fold<P: Projection, S> {
    pub(crate) projection: P,
    pub(crate) shelf: S,
    pub(crate) scratch: Scratch,
    /// The checkpoint it begins with.
    pub(crate) base: Option<String>,
    /// By topic and partition.
    pub(crate) places: BTreeMap<(&'static str, i32), Place>,
    /// By record key, in the order of the log.
    early: BTreeMap<String, Vec<Early<P::Event>>>,
    passed: Passed,
    records: u64,
    records_max: usize,
}

struct Early<E> {
    at: (&'static str, i32, i64),
    fact: Received<E>,
}

impl<P: Projection, S: Shelf<P>> Fold<P, S> {
    /// Begins, with a checkpoint where there is one, or goes on, in the database of the service.
    pub async fn open(
        projection: P,
        shelf: S,
        database: &Database,
        purpose: Purpose,
        base: Option<&Found>,
    ) -> Result<Self, FoldError> {
        let mut scratch = Scratch::open(database, projection.service(), purpose).await?;
        let is_new = scratch.is_new();
        let places = if is_new { BTreeMap::new() } else { scratch.places(projection.topics()).await? };
        let (early, passed) = (BTreeMap::new(), Passed::default());
        let records_max = RECORDS_MAX;
        let mut fold =
            Self { projection, shelf, scratch, base: None, places, early, passed, records: 0, records_max };
        if is_new {
            fold.begin(base).await?;
        }
        Ok(fold)
    }

    /// Makes the tables, and drops what was folded before.
    pub(crate) async fn begin(&mut self, base: Option<&Found>) -> Result<(), FoldError> {
        self.scratch.make(self.shelf.migrator(), self.shelf.prepare()).await?;
        self.scratch.set_out(base).await?;
        self.places = self.scratch.places(self.projection.topics()).await?;
        self.base = base.map(|base| base.path.clone());
        Ok(())
    }

    /// Why what an earlier run has folded cannot be gone on with, where the log was cut or made anew since.
    pub(crate) fn stranded(&self, extents: &[Extent]) -> Option<String> {
        let at = |extent: &Extent| Some((*extent, self.places.get(&(extent.topic, extent.partition))?.next));
        let outside = |(extent, next): &(Extent, i64)| *next < extent.low || *next > extent.end;
        extents.iter().filter_map(at).find(outside).map(|(extent, next)| {
            let Extent { topic, partition, low, end } = extent;
            format!(
                "what an earlier run has folded: {topic}/{partition} is needed from {next} on, but has records from {low} to {end} only"
            )
        })
    }

    /// With so many records a transaction at most.
    #[must_use]
    pub fn by(self, records_max: usize) -> Self {
        Self { records_max, ..self }
    }

    /// What was passed over since it was opened.
    pub fn passed(&self) -> &Passed {
        &self.passed
    }

    /// The end of the log of all its topics, in an order in which nothing is early at the end.
    pub async fn extents(&self, log: &Log) -> Result<Vec<Extent>, FoldError> {
        Ok(log.extents(self.projection.topics()).await?)
    }

    /// Folds up to these ends; `tell` hears how far it is after each transaction.
    pub async fn advance(
        &mut self,
        log: &Log,
        extents: &[Extent],
        mut tell: impl FnMut(Progress),
    ) -> Result<(), FoldError> {
        let spans = extents.iter().map(|extent| self.span(extent)).collect::<Result<Vec<Span>, _>>()?;
        let left: i64 = spans.iter().map(|span| (span.end - span.from).max(0)).sum();
        let all = self.records + u64::try_from(left).unwrap_or(0);
        let mut reading: Reading<P::Event> = log.read(&spans)?;
        loop {
            let only_leads = self.early.values().map(Vec::len).sum::<usize>() > EARLY_MAX;
            let leads = self.projection.leads();
            let mut batch = Vec::with_capacity(self.records_max);
            while batch.len() < self.records_max
                && let Some(entry) = reading.next(|topic| !only_leads || leads.contains(&topic)).await?
            {
                batch.push(entry);
            }
            let is_over = batch.len() < self.records_max;
            self.take(batch).await?;
            if is_over && only_leads {
                // What leads is at its end and there is no room: nothing is there that these are about.
                self.passed.about_nothing += self.early.values().map(|facts| facts.len() as u64).sum::<u64>();
                self.early.clear();
            }
            tell(Progress { records: self.records, all });
            if is_over && !only_leads {
                break;
            }
        }
        self.reach(extents).await
    }

    fn span(&self, extent: &Extent) -> Result<Span, LogError> {
        let Extent { topic, partition, low, end } = *extent;
        let place = self.places.get(&(topic, partition));
        let from = place.map_or_else(|| first::<P::Event>(extent), |place| place.next);
        if from < low || from > end {
            return Err(LogError::Gone { topic, partition, from, low, end });
        }
        Ok(Span { topic, partition, from, end })
    }

    /// A partition that has lost its beginning, and of which nothing is folded.
    pub(crate) fn cut<'a>(&self, extents: &'a [Extent]) -> Option<&'a Extent> {
        let is_cut = |extent: &&Extent| first::<P::Event>(extent) < extent.low;
        extents.iter().filter(is_cut).find(|one| !self.places.contains_key(&(one.topic, one.partition)))
    }

    /// One transaction: rows, and the place up to which they are folded.
    async fn take(&mut self, batch: Vec<Entry<P::Event>>) -> Result<(), FoldError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.records += batch.len() as u64;
        let mut facts = Vec::with_capacity(batch.len());
        for entry in batch {
            let next = entry.offset + 1;
            self.places.insert((entry.topic, entry.partition), Place { next, beyond_last: next });
            let at = (entry.topic, entry.partition, entry.offset);
            let given_up = entry.id.is_some_and(|id| self.scratch.discarded().has(id.0));
            match entry.content {
                _ if given_up => self.passed.discarded += 1,
                Content::Event(received) => facts.push(Early { at, fact: *received }),
                Content::Unknown(_) => self.passed.unknown += 1,
                Content::Undecodable(_) => self.passed.undecodable(at),
            }
        }
        let mut keys = BTreeSet::new();
        for one in &facts {
            self.projection.keys(&one.fact.event, &mut keys);
        }
        let mut transaction = self.scratch.begin().await?;
        let mut rows = self.shelf.load(&mut transaction, &keys).await?;
        for one in facts {
            evolve(&self.projection, &mut self.early, &mut rows, one);
        }
        self.shelf.save(&mut transaction, rows).await?;
        Scratch::remember(&mut transaction, &held_back(&self.places, &self.early)).await?;
        transaction.commit().await.map_err(StoreError::doing("commit folded rows"))?;
        Ok(())
    }

    /// Behind the last record there may be marks of transactions, which nobody reads.
    async fn reach(&mut self, extents: &[Extent]) -> Result<(), FoldError> {
        for extent in extents {
            let place = self.places.entry((extent.topic, extent.partition));
            let place = place.or_insert(Place { next: extent.low, beyond_last: extent.low });
            place.next = place.next.max(extent.end);
        }
        let mut transaction = self.scratch.begin().await?;
        Scratch::remember(&mut transaction, &held_back(&self.places, &self.early)).await?;
        transaction.commit().await.map_err(StoreError::doing("commit the place in the log"))?;
        Ok(())
    }
}

/// The record a fold begins with. Of a compacted topic that is what it has: it holds the last of each key.
fn first<E: kernel::Event>(extent: &Extent) -> i64 {
    if E::is_compacted(extent.topic) { extent.low } else { 0 }
}

/// What waited for a fact is taken in right behind it, so that of one key and topic nothing overtakes.
fn evolve<P: Projection>(
    projection: &P,
    early: &mut BTreeMap<String, Vec<Early<P::Event>>>,
    rows: &mut P::Rows,
    one: Early<P::Event>,
) {
    let key = kernel::Event::key(&one.fact.event);
    if projection.evolve(rows, &one.fact) == Evolved::Early {
        early.entry(key).or_default().push(one);
    } else if let Some(waited) = early.remove(&key) {
        for one in waited {
            if projection.evolve(rows, &one.fact) == Evolved::Early {
                early.entry(key.clone()).or_default().push(one);
            }
        }
    }
}

/// The places to go on from after an interruption: what is put aside is in memory only, and is read again.
fn held_back<E>(
    places: &BTreeMap<(&'static str, i32), Place>,
    early: &BTreeMap<String, Vec<Early<E>>>,
) -> BTreeMap<(&'static str, i32), Place> {
    let mut held = places.clone();
    for Early { at: (topic, partition, offset), .. } in early.values().flatten() {
        if let Some(place) = held.get_mut(&(*topic, *partition)) {
            place.next = place.next.min(*offset);
        }
    }
    held
}

impl Passed {
    fn undecodable(&mut self, (topic, partition, offset): (&str, i32, i64)) {
        self.undecodable += 1;
        if self.first_undecodable.len() < NAMED_MAX {
            self.first_undecodable.push(format!("{topic}/{partition}@{offset}"));
        }
    }
}
