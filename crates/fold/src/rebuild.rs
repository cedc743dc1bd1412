//! The folded tables take the place of the live ones.

use std::time::{Duration, Instant};

use messaging::StoreError;
use messaging::log::{Extent, Log};

use crate::checkpoint::{self, Place, is_own};
use crate::engine::Progress;
use crate::store::Database;
use crate::{Fold, FoldError, Projection, Purpose, Shelf};

/// What a rebuild came to.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Rebuilt {
    /// The service.
    pub service: &'static str,
    /// Records of the log that this run has folded.
    pub records: u64,
    /// Events that were decided and never sent: lost.
    pub lost_events: i64,
    /// The checkpoint this run has begun with.
    pub from: Option<String>,
    /// Newer ones, and what an earlier run had folded, and why they were not used.
    pub passed_over: Vec<String>,
    /// How long the tables were held for the swap.
    #[serde(skip)]
    pub swap: Duration,
    /// What the fold has passed over.
    #[serde(skip)]
    pub passed: crate::Passed,
}

/// How it is done.
#[derive(Clone, Debug, Default)]
pub struct How {
    /// Events that were decided and not sent are given up.
    pub lose_unsent: bool,
    /// Records a transaction at most, where it is not the usual number.
    pub records_max: Option<usize>,
    /// Where checkpoints are, where it need not begin at the beginning.
    pub checkpoints: Option<Place>,
}

/// Times the end of the log is asked for again: nobody writes to it when the service is stopped.
const TRIES_MAX: u32 = 10;

/// Folds the log to its end and puts the tables in the place of the live ones. Goes on where an interrupted run was; where the log has lost
/// what comes behind that, it begins as a first run would. Refuses when
/// the service is alive, or has events that were not sent; what is folded is kept then.
pub async fn rebuild<P: Projection, S: Shelf<P>>(
    projection: P,
    shelf: S,
    database: &Database,
    log: &Log,
    how: How,
    mut tell: impl FnMut(Progress),
) -> Result<Rebuilt, FoldError> {
    let (base, passed_over) = match &how.checkpoints {
        Some(place) => {
            let extents = log.extents(projection.topics()).await?;
            checkpoint::choose(&projection, &shelf, place, &extents).await?
        }
        None => (None, Vec::new()),
    };
    let mut fold = Fold::open(projection, shelf, database, Purpose::Rebuild, base.as_ref()).await?;
    let stranded = fold.stranded(&fold.extents(log).await?);
    if stranded.is_some() {
        fold.begin(base.as_ref()).await?;
    }
    if let Some(records) = how.records_max {
        fold = fold.by(records);
    }
    let mut records = 0;
    for _ in 0..TRIES_MAX {
        let extents = fold.extents(log).await?;
        if let Some(&Extent { topic, partition, low, .. }) = fold.cut(&extents) {
            let (service, checkpoints) = (fold.projection.service(), known(&how, &passed_over));
            fold.scratch.close().await.map_err(StoreError::doing("leave the database"))?;
            return Err(FoldError::NoBeginning { service, topic, partition, low, checkpoints });
        }
        fold.advance(log, &extents, |progress| {
            records = progress.records;
            tell(progress);
        })
        .await?;
        fold.scratch.refuse_while_alive().await?;
        // From here on nobody writes to its own topics: what was written meanwhile must be folded too. Others go on, and what
        // they write is read after the swap, as at any time.
        let now = fold.extents(log).await?;
        if fold.is_beyond(&now) {
            let rebuilt = fold.swap(records, how.lose_unsent).await?;
            let passed_over = passed_over.into_iter().chain(stranded).collect();
            return Ok(Rebuilt { passed_over, ..rebuilt });
        }
    }
    Err(FoldError::Restless(fold.projection.service()))
}

fn known(how: &How, passed_over: &[String]) -> String {
    match &how.checkpoints {
        None => "no place of checkpoints is named (--checkpoints)".to_owned(),
        Some(place) if passed_over.is_empty() => format!("there is no checkpoint in {place}"),
        Some(place) => format!("no checkpoint in {place} can be used ({})", passed_over.join("; ")),
    }
}

impl<P: Projection, S: Shelf<P>> Fold<P, S> {
    /// Whether all that the service itself has written is folded.
    fn is_beyond(&self, extents: &[messaging::log::Extent]) -> bool {
        extents.iter().filter(|extent| is_own(&self.projection, extent.topic)).all(|extent| {
            let place = self.places.get(&(extent.topic, extent.partition));
            place.is_some_and(|place| place.next >= extent.end)
        })
    }

    async fn swap(mut self, records: u64, lose_unsent: bool) -> Result<Rebuilt, FoldError> {
        let service = self.projection.service();
        let mut tables: Vec<&'static str> = self.projection.tables().iter().map(|table| table.name).collect();
        tables.extend(self.shelf.details().iter().map(|detail| detail.table));
        tables.sort_unstable();
        tables.dedup();
        let begun = Instant::now();
        let lost_events = self.scratch.swap(&tables, self.shelf.finish(), lose_unsent).await?;
        let swap = begun.elapsed();
        let (passed, from) = (self.passed().clone(), self.base.clone());
        self.scratch.close().await.map_err(StoreError::doing("leave the database"))?;
        Ok(Rebuilt { service, records, lost_events, from, passed_over: Vec::new(), swap, passed })
    }
}
