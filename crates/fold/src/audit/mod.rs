//! The live rows of a service, held to the log while the service runs.

mod judge;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kernel::Event as _;
use messaging::core::batch::Content;
use messaging::log::{Extent, Log, Span};
use sqlx::PgConnection;
use tokio::time::Instant;

use self::judge::{Before, Verdict, columns, judge};
pub use self::report::{Difference, Known, Report, Waiting};
use crate::store::Database;
use crate::store::compare::Moment;
use crate::{Fold, FoldError, Progress, Projection, Purpose, Shelf, Table};

/// Rows that are looked at again. Beyond that the service is not running, or has just begun.
const MOVING_MAX: usize = 100_000;
/// Keys of which the last event is looked up.
const LOOKED_UP_MAX: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(100);

type Row = (usize, String);

/// Folds the log to its end and compares; looks again, for as long as `within`, at rows that were moving.
pub async fn audit<P: Projection, S: Shelf<P>>(
    projection: P,
    shelf: S,
    database: &Database,
    log: &Log,
    within: Duration,
    mut tell: impl FnMut(Progress),
) -> Result<Report, FoldError> {
    let fold = Fold::open(projection, shelf, database, Purpose::Audit, None).await?;
    let connection = database.for_tables().await?;
    let report = Report::of(fold.projection.service());
    let mut audit = Audit { fold, connection, report, moving: BTreeMap::new() };
    audit.fold_on(log, &mut tell).await?;
    audit.look(None).await?;
    let end = Instant::now() + within;
    while !audit.moving.is_empty() && audit.report.unfinished.is_none() && Instant::now() < end {
        tokio::time::sleep(LOOK_EVERY).await;
        audit.fold_on(log, &mut tell).await?;
        let before: BTreeSet<Row> = audit.moving.keys().cloned().collect();
        audit.look(Some(&before)).await?;
    }
    audit.finish(log).await
}

struct Audit<P: Projection, S> {
    fold: Fold<P, S>,
    connection: PgConnection,
    report: Report,
    /// By table and key.
    moving: BTreeMap<Row, (Before, String)>,
}

impl<P: Projection, S: Shelf<P>> Audit<P, S> {
    async fn fold_on(&mut self, log: &Log, tell: &mut impl FnMut(Progress)) -> Result<(), FoldError> {
        let extents = self.fold.extents(log).await?;
        self.fold
            .advance(log, &extents, |progress| {
                self.report.records = progress.records;
                tell(progress);
            })
            .await
    }

    /// Compares at one moment: all, or what was moving before.
    async fn look(&mut self, before: Option<&BTreeSet<Row>>) -> Result<(), FoldError> {
        let Self { fold, connection, report, moving } = self;
        let tables = fold.projection.tables();
        let mut moment = Moment::begin(connection, fold.scratch.schema()).await?;
        let positions = moment.positions().await?;
        let has_read = |topic: &str| {
            fold.places.iter().filter(|((of, _), _)| *of == topic).all(|((topic, partition), place)| {
                positions.get(&((*topic).to_owned(), *partition)).copied().unwrap_or(0) >= place.beyond_last
            })
        };
        for ((topic, key), records) in moment.parked(fold.projection.topics()).await? {
            report.leave_out(topic, key, records);
        }
        let known = std::mem::take(moving);
        for (index, table) in tables.iter().enumerate() {
            if before.is_none() {
                report.rows += u64::try_from(moment.count(table).await?).unwrap_or(0);
            }
            let wanted = before.map(|before| keys_of(before, index));
            if wanted.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            moment
                .rows(table, wanted.as_deref(), |pair| {
                    if report.is_left_out(&pair.key) {
                        return;
                    }
                    if pair.may_be_forgotten {
                        report.forgotten += 1;
                        return;
                    }
                    let was = known.get(&(index, pair.key.clone())).map(|(before, _)| before);
                    match judge(table, pair.live.as_ref(), pair.folded.as_ref(), was, has_read) {
                        Verdict::Same => {}
                        Verdict::Drift(wrong) => report.differ(table, &pair.key, None, wrong),
                        Verdict::Moving { now, waits } if moving.len() < MOVING_MAX => {
                            moving.insert((index, pair.key), (now, waits));
                        }
                        Verdict::Moving { waits, .. } => report.unfinished = Some(waits),
                    }
                })
                .await?;
        }
        let keys: Vec<&str> = moving.keys().map(|(_, key)| key.as_str()).collect();
        let unsent = moment.unsent(&keys).await?;
        for ((_, key), (now, _)) in moving.iter_mut() {
            now.is_unsent = unsent.contains(key);
        }
        details(fold, &mut moment, report, moving, before).await?;
        Ok(moment.end().await?)
    }

    async fn finish(mut self, log: &Log) -> Result<Report, FoldError> {
        let tables = self.fold.projection.tables();
        for ((index, key), (_, waits)) in &self.moving {
            self.report.waiting(tables[*index].name, key, waits);
        }
        self.report.passed = self.fold.passed().clone();
        let keys: BTreeSet<String> =
            self.report.differences.iter().take(LOOKED_UP_MAX).map(|one| one.key.clone()).collect();
        if !keys.is_empty() {
            let extents = self.fold.extents(log).await?;
            let last = last_events::<P>(log, &extents, &keys).await?;
            self.report.know(&last);
        }
        self.fold.scratch.drop().await?;
        Ok(self.report)
    }
}

/// Compares what hangs on rows that do not move.
async fn details<P: Projection, S: Shelf<P>>(
    fold: &Fold<P, S>,
    moment: &mut Moment<'_>,
    report: &mut Report,
    moving: &BTreeMap<Row, (Before, String)>,
    before: Option<&BTreeSet<Row>>,
) -> Result<(), FoldError> {
    let tables = fold.projection.tables();
    for detail in fold.shelf.details() {
        let of = detail.of.and_then(|of| tables.iter().position(|table| table.name == of));
        let left_out: Vec<&str> = of.map_or(Vec::new(), |of| {
            let moving = moving.keys().filter(|(index, _)| *index == of).map(|(_, key)| key.as_str());
            moving.chain(report.left_out.keys().map(|(_, key)| key.as_str())).collect()
        });
        let wanted = match (of, before) {
            (_, None) => None,
            (None, Some(_)) => continue, // it held at the first moment, as at any
            (Some(of), Some(before)) => Some(keys_of(before, of)),
        };
        let left_out: Vec<String> = left_out.into_iter().map(ToOwned::to_owned).collect();
        let left_out: Vec<&str> = left_out.iter().map(String::as_str).collect();
        let table = Table::new(detail.table, "", &[]);
        moment
            .details(detail, &left_out, wanted.as_deref(), |odd| {
                let wrong = columns(odd.live.as_ref(), odd.expected.as_ref());
                report.differ(&table, &odd.key, odd.row.as_deref(), wrong);
            })
            .await?;
    }
    Ok(())
}

fn keys_of(rows: &BTreeSet<Row>, table: usize) -> Vec<&str> {
    rows.iter().filter(|(index, _)| *index == table).map(|(_, key)| key.as_str()).collect()
}

/// The last event of each of these keys, read from the log once more: who needs it has found something.
async fn last_events<P: Projection>(
    log: &Log,
    extents: &[Extent],
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<String, Known>, FoldError> {
    let span = |&Extent { topic, partition, low, end }: &Extent| Span { topic, partition, from: low, end };
    let mut reading = log.read::<P::Event>(&extents.iter().map(span).collect::<Vec<_>>())?;
    let mut last = BTreeMap::new();
    while let Some(entry) = reading.next(|_| true).await? {
        let Some(key) = entry.key.filter(|key| keys.contains(key)) else { continue };
        if let Content::Event(received) = &entry.content {
            let place = format!("{}/{}@{}", entry.topic, entry.partition, entry.offset);
            let (event, id) = (received.event.name(), received.metadata.id.to_string());
            last.insert(key, Known { event, id, place, time: received.metadata.time });
        }
    }
    Ok(last)
}
