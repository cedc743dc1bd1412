//! A copy of what is folded of a service, with the places in the log from which the fold goes on.
//!
//! It is taken from one snapshot while the service runs. It says of each partition: all below this place is in the rows. That is
//!
//! - of the service's own topics the end they had *before* the snapshot: what is in the log was committed before;
//! - of those of others where the service had read to, or the first of its records that is parked: a parked one is not in the rows;
//! - of compacted ones nothing, and none of the tables made of them: they are read whole.
//!
//! What is in the rows and behind that place as well is met again by the fold, and changes nothing: a row knows by the numbers in it
//! what it was made of. What is in the rows and *not yet in the log* would be a lie if it never came there: the copy becomes
//! a checkpoint only when all of it has left the outbox, which it does when the broker has it.

mod bucket;
mod folder;
mod kept;
mod manifest;
mod place;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use kernel::Event as _;
use messaging::log::{Extent, Log};
use messaging::standing;
use sqlx::{Connection as _, PgConnection};

use self::kept::Making;
pub use self::kept::{Found, Pruned, list, prune};
pub(crate) use self::kept::{Reading, Writing};
pub use self::manifest::{Manifest, Next, Piece};
pub use self::place::Place;
use crate::store::{Database, snapshot};
use crate::{FoldError, Projection, Shelf, Table, Whose};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One that was made.
#[derive(Clone, Debug)]
pub struct Created {
    /// Where it is.
    pub path: String,
    /// What it says of itself.
    pub manifest: Manifest,
    /// How long the snapshot was open. For as long it held its locks, for which no write waits.
    pub snapshot: Duration,
    /// How long it took until the log had all of it.
    pub relayed_within: Duration,
    /// Events of the snapshot that were not in the log then.
    pub unsent: usize,
}

/// Makes one in `place`, while the service runs; `tell` hears of each table. `within`: how long it may take until all events of
/// the snapshot are in the log.
pub async fn create<P: Projection, S: Shelf<P>>(
    projection: P,
    shelf: S,
    database: &Database,
    log: &Log,
    (place, within): (&Place, Duration),
    tell: impl FnMut(&'static str),
) -> Result<Created, FoldError> {
    // Whoever may not use it hears so before a snapshot is taken.
    place.join(projection.service()).below().await?;
    let mut connection = database.for_tables().await?;
    let created = copy(&projection, &shelf, &mut connection, log, (place, within), tell).await;
    // One that is only dropped would keep others out until the server has seen it.
    let _closed = connection.close().await;
    created
}

async fn copy<P: Projection, S: Shelf<P>>(
    projection: &P,
    shelf: &S,
    connection: &mut PgConnection,
    log: &Log,
    (place, within): (&Place, Duration),
    tell: impl FnMut(&'static str),
) -> Result<Created, FoldError> {
    let service = projection.service();
    snapshot::take(connection, service).await?;
    let (ours, live) = snapshot::levels(connection, shelf.migrator()).await?;
    if live != Some(ours) {
        return Err(FoldError::OtherTables { service, live, ours });
    }
    // Before the snapshot: what its own topics have now was committed before.
    let extents = log.extents(projection.topics()).await?;
    let begun = Instant::now();
    let (mut snapshot, at) = snapshot::Snapshot::begin(connection).await?;
    let handled = snapshot.handled().await?;
    let unsent = snapshot.unsent().await?;
    let making = Making::begin(place, service, &at)?;
    let copied = files(&mut snapshot, &tables(projection, shelf), &making, tell).await;
    snapshot.end().await?;
    let (open, begun) = (begun.elapsed(), Instant::now());
    let copied = match copied {
        Ok(files) => relayed(connection, &unsent, service, within).await.map(|()| files),
        failed => failed,
    };
    let files = match copied {
        Ok(files) => files,
        Err(error) => {
            making.abandon().await;
            return Err(error);
        }
    };
    let relayed_within = begun.elapsed();
    let next = |extent: &Extent| {
        let read = handled.get(&(extent.topic.to_owned(), extent.partition)).copied();
        let next = if is_own(projection, extent.topic) { extent.end } else { read.unwrap_or(extent.low) };
        Next { topic: extent.topic.to_owned(), partition: extent.partition, next }
    };
    let facts = extents.iter().filter(|extent| !P::Event::is_compacted(extent.topic));
    let manifest = Manifest {
        format: manifest::FORMAT,
        service: service.to_owned(),
        at,
        release: env!("CARGO_PKG_VERSION").to_owned(),
        tables: ours,
        positions: facts.map(next).collect(),
        files,
    };
    let path = making.finish(&manifest).await?;
    Ok(Created { path, manifest, snapshot: open, relayed_within, unsent: unsent.len() })
}

async fn files(
    snapshot: &mut snapshot::Snapshot<'_>,
    tables: &[Table],
    making: &Making,
    mut tell: impl FnMut(&'static str),
) -> Result<Vec<Piece>, FoldError> {
    let mut files = Vec::new();
    for table in tables {
        let (name, table_name) = (format!("{}.copy", table.name), table.name.to_owned());
        let mut file = making.file(&name)?;
        let columns = match snapshot.copy(table, &mut file).await {
            Ok(columns) => columns,
            Err(error) => {
                file.abandon().await;
                return Err(error);
            }
        };
        let (rows, bytes, sha256) = file.finish().await?;
        files.push(Piece { file: name, table: table_name, columns, rows, bytes, sha256 });
        tell(table.name);
    }
    Ok(files)
}

/// Waits until these events are in the log.
async fn relayed(
    connection: &mut PgConnection,
    unsent: &[i64],
    service: &'static str,
    within: Duration,
) -> Result<(), FoldError> {
    let begun = Instant::now();
    loop {
        let events = standing::still_unsent(connection, unsent).await?;
        if events == 0 {
            return Ok(());
        }
        if begun.elapsed() > within {
            return Err(FoldError::Unrelayed { service, events, within });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The newest that a fold can go on from, and why those before it cannot be.
pub(crate) async fn choose<P: Projection, S: Shelf<P>>(
    projection: &P,
    shelf: &S,
    place: &Place,
    extents: &[Extent],
) -> Result<(Option<Found>, Vec<String>), FoldError> {
    let ours = shelf.migrator().iter().map(|one| one.version).max().unwrap_or(0);
    let mut rejected = Vec::new();
    for found in list(place, projection.service()).await? {
        match usable(&found, ours, extents).await {
            Ok(()) => return Ok((Some(found), rejected)),
            Err(why) => rejected.push(format!("{}: {why}", found.path)),
        }
    }
    Ok((None, rejected))
}

async fn usable(found: &Found, ours: i64, extents: &[Extent]) -> Result<(), String> {
    let manifest = found.verify().await?;
    if manifest.tables != ours {
        return Err(format!(
            "its tables are at migration {}, those of this build at {ours}",
            manifest.tables
        ));
    }
    match manifest.outside(extents).first() {
        None => Ok(()),
        Some((at, None)) => Err(format!("the log has no {}/{}", at.topic, at.partition)),
        Some((at, Some(has))) => Err(format!(
            "{}/{} is needed from {} on, but has records from {} to {} only",
            at.topic, at.partition, at.next, has.low, has.end
        )),
    }
}

/// What is copied: all that a swap replaces, but for what is made of compacted topics.
fn tables<P: Projection, S: Shelf<P>>(projection: &P, shelf: &S) -> Vec<Table> {
    let (all, details) = (projection.tables(), shelf.details());
    let beside =
        details.iter().map(|detail| detail.table).filter(|name| all.iter().all(|table| table.name != *name));
    let whole = beside.map(|name| Table::new(name, "", &[]));
    let of_facts = |table: &&Table| table.numbers.iter().any(|number| !P::Event::is_compacted(number.topic));
    all.iter().filter(of_facts).copied().chain(whole).collect()
}

/// Whether the service itself writes it.
pub(crate) fn is_own<P: Projection>(projection: &P, topic: &str) -> bool {
    let mut numbers = projection.tables().iter().flat_map(|table| table.numbers);
    numbers.any(|number| number.whose == Whose::Own && number.topic == topic)
}
