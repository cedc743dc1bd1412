//! Has a listener hear again what it heard before. Its position is set back in its own database, in one transaction with all
//! that belongs to it: the inbox forgets the events, tables that would count twice are emptied, and who wanted it and why is
//! written down. Only while nobody reads for it; a reader that nobody saw finds its position moved, and loads it again.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use kernel::Timestamp;
use serde::Serialize;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::kafka::group_admin::Coordinator;
use crate::log::trail::{self, TrailError};
use crate::postgres::replay as store;

use crate::{Settings, StoreError};

/// The database of one listener.
#[derive(Clone, Debug)]
pub struct Replays {
    pool: PgPool,
}

/// Where a replay begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// With the first record there is.
    Beginning,
    /// With the first that was stamped then or later.
    Time(Timestamp),
    /// With this one, in each partition.
    Offset(i64),
    /// With one of its own in each partition.
    Places(Places),
}

/// Where somebody else was in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// What they come from, as it is written down.
    pub of: String,
    /// By topic, without prefix, and partition: the first record.
    pub next: BTreeMap<(String, i32), i64>,
}

/// What somebody wants.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The listener: its group, without prefix.
    pub group: String,
    /// One topic, without prefix; `None`: all it reads.
    pub topic: Option<String>,
    /// Where it begins.
    pub from: From,
    /// Who wants it.
    pub who: String,
    /// Why.
    pub why: String,
}

/// One partition of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Without prefix.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// The position it gets.
    pub from: i64,
    /// The position it has.
    pub to: i64,
}

/// What is replayed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Its number; `None` when nothing was done.
    pub replay: Option<i64>,
    /// Every partition that is set back.
    pub parts: Vec<Part>,
    /// Tables that are emptied.
    pub empties: Vec<String>,
}

impl Plan {
    /// Records that are heard again: at most, where a topic is compacted.
    pub fn records(&self) -> i64 {
        self.parts.iter().map(|part| part.to - part.from).sum()
    }
}

/// A replay was not made; nothing is changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It has effects on others.
    #[error(
        "{0} has not declared itself a listener: what it hears it publishes, calls or mails, and would do so again. A service is won back by a rebuild, not by a replay"
    )]
    NotAListener(String),
    /// Something is to be sent from its database.
    #[error("{0} has unsent events or open calls in its database: it is no listener")]
    NotSilent(String),
    /// It does not read that.
    #[error("{group} does not read the topic {topic}")]
    NotRead {
        /// The listener.
        group: String,
        /// The topic.
        topic: String,
    },
    /// It counts.
    #[error(
        "{0} keeps sums, which would count twice: it can only be replayed from the beginning, and all topics at once"
    )]
    OnlyAnew(String),
    /// The broker knows members.
    #[error("the group {group} is not idle: {members} read for it. Stop the listener first")]
    Members {
        /// With prefix.
        group: String,
        /// Who.
        members: String,
    },
    /// The database knows connections.
    #[error("the database of the listener is in use by {0}. Stop the listener first")]
    Connected(String),
    /// Right now.
    #[error("a batch is under way for it. Stop the listener first")]
    UnderWay,
    /// Not to be told.
    #[error("a replay is kept for ever: it needs a name and a reason")]
    NoReason,
    /// All positions are there already, or before.
    #[error("nothing before its position to be heard again from there on")]
    Nothing,
    /// Nobody says where to begin.
    #[error(
        "{of} has no place in {topic}/{partition}, which the listener reads: name one topic by --topic that it has ({has})"
    )]
    NoPlace {
        /// What the places come from.
        of: String,
        /// Without prefix.
        topic: String,
        /// Partition.
        partition: i32,
        /// Topics it has.
        has: String,
    },
    /// The log has lost what is between.
    #[error(
        "{of} goes on at {from} in {topic}/{partition}, but the log begins at {low}: what is between is gone"
    )]
    Cut {
        /// What the places come from.
        of: String,
        /// Without prefix.
        topic: String,
        /// Partition.
        partition: i32,
        /// Where it should begin.
        from: i64,
        /// The first record there is.
        low: i64,
    },
    /// Before the log.
    #[error(
        "the position of {topic}/{partition} is {position}, but the log ends at {end}: the topic was made anew"
    )]
    Beyond {
        /// Without prefix.
        topic: String,
        /// Partition.
        partition: i32,
        /// The position.
        position: i64,
        /// The end.
        end: i64,
    },
    /// The broker does not say who is in the group.
    #[error("cannot ask the broker who is in the group {0}")]
    Broker(String, #[source] std::io::Error),
    /// The log.
    #[error(transparent)]
    Log(#[from] TrailError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// Whether nobody could be asked, rather than that the answer is no.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Broker(..) | Self::Log(_) | Self::Store(_))
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => f.write_str("beginning"),
            Self::Time(time) => time.fmt(f),
            Self::Offset(offset) => offset.fmt(f),
            Self::Places(places) => places.of.fmt(f),
        }
    }
}

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const BROKER_WITHIN: Duration = Duration::from_secs(5);

impl Replays {
    /// Those of the listener whose database is at `url`, with the password that is there or in `password`.
    pub fn at(url: &str, password: Option<&str>) -> Result<Self, StoreError> {
        let options: PgConnectOptions =
            url.parse().map_err(StoreError::doing("read the address of a database"))?;
        let options = match password {
            Some(password) => options.password(password),
            None => options,
        };
        // One connection: any other is somebody else.
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECT_WITHIN);
        Ok(Self { pool: pool.connect_lazy_with(options) })
    }

    /// What would be done. Looks also whether the listener is idle.
    pub async fn look_ahead(&self, settings: &Settings, wish: &Wish) -> Result<Plan, Refusal> {
        let mut transaction = self.pool.begin().await.map_err(StoreError::doing("begin a look"))?;
        let plan = plan(&mut transaction, settings, wish).await;
        transaction.rollback().await.map_err(StoreError::doing("end a look"))?;
        plan
    }

    /// Does it.
    pub async fn carry_out(&self, settings: &Settings, wish: &Wish) -> Result<Plan, Refusal> {
        if wish.who.trim().is_empty() || wish.why.trim().is_empty() {
            return Err(Refusal::NoReason);
        }
        let mut transaction = self.pool.begin().await.map_err(StoreError::doing("begin a replay"))?;
        let mut plan = plan(&mut transaction, settings, wish).await?;
        let (asked, parts) = (settings.clone(), plan.parts.clone());
        let ranges = parts.into_iter().map(|part| (part.topic, part.partition, part.from, part.to)).collect();
        let ids = tokio::task::spawn_blocking(move || trail::ids(&asked, ranges)).await;
        let ids = ids.map_err(TrailError::from)??;
        store::forget(&mut transaction, &ids).await?;
        store::set_back(&mut transaction, &plan.parts).await?;
        store::empty(&mut transaction, &plan.empties).await?;
        plan.replay = Some(store::write_down(&mut transaction, wish, &plan.parts, &plan.empties).await?);
        // It may have come back while the log was read. One that comes after this finds the new position.
        idle(settings, &wish.group).await?;
        transaction.commit().await.map_err(StoreError::doing("commit a replay"))?;
        Ok(plan)
    }
}

async fn plan(
    connection: &mut sqlx::PgConnection,
    settings: &Settings,
    wish: &Wish,
) -> Result<Plan, Refusal> {
    let group = || wish.group.clone();
    let declared = store::declared(connection, &wish.group).await?;
    let declared = declared.ok_or_else(|| Refusal::NotAListener(group()))?;
    if !store::is_silent(connection).await? {
        return Err(Refusal::NotSilent(group()));
    }
    let topics = match &wish.topic {
        None => declared.topics.clone(),
        Some(topic) if declared.topics.contains(topic) => vec![topic.clone()],
        Some(topic) => return Err(Refusal::NotRead { group: group(), topic: topic.clone() }),
    };
    if declared.anew && (wish.from != From::Beginning || topics.len() < declared.topics.len()) {
        return Err(Refusal::OnlyAnew(group()));
    }
    idle(settings, &wish.group).await?;
    let others = store::others(connection).await?;
    if !others.is_empty() {
        return Err(Refusal::Connected(others.join(", ")));
    }
    let positions = store::lock(connection, &topics).await?;
    let (asked, from) = (settings.clone(), wish.from.clone());
    let parts = tokio::task::spawn_blocking(move || parts(&asked, &from, positions)).await;
    let parts = parts.map_err(TrailError::from)??;
    if parts.is_empty() {
        return Err(Refusal::Nothing);
    }
    Ok(Plan { replay: None, parts, empties: declared.tables })
}

/// Whether the broker knows nobody who reads for the group.
async fn idle(settings: &Settings, group: &str) -> Result<(), Refusal> {
    let group = settings.topic(group);
    let asked = async { Coordinator::of(&settings.kafka_bootstrap, &group).await?.members().await };
    let members = tokio::time::timeout(BROKER_WITHIN, asked).await;
    let members = members.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let members = members.map_err(|error| Refusal::Broker(group.clone(), error))?;
    if members.is_empty() {
        return Ok(());
    }
    let members = members.into_iter().map(|member| member.client_id).collect::<Vec<_>>().join(", ");
    Err(Refusal::Members { group, members })
}

impl Places {
    /// All that was read by then is behind it: a listener that is sent there must find all that was not.
    fn place(&self, topic: &str, partition: i32, low: i64) -> Result<i64, Refusal> {
        let (of, topic) = (self.of.clone(), topic.to_owned());
        let Some(&from) = self.next.get(&(topic.clone(), partition)) else {
            let mut has: Vec<&str> = self.next.keys().map(|(topic, _)| topic.as_str()).collect();
            has.dedup();
            let has = has.join(", ");
            return Err(Refusal::NoPlace { of, topic, partition, has });
        };
        if from < low { Err(Refusal::Cut { of, topic, partition, from, low }) } else { Ok(from) }
    }
}

/// The partitions whose position is set back: never forward, which would skip records.
fn parts(settings: &Settings, from: &From, positions: Vec<(String, i32, i64)>) -> Result<Vec<Part>, Refusal> {
    let time = match from {
        From::Time(time) => Some(*time),
        From::Beginning | From::Offset(_) | From::Places(_) => None,
    };
    let asked: Vec<(String, i32)> =
        positions.iter().map(|(topic, partition, _)| (topic.clone(), *partition)).collect();
    let ends = trail::ends(settings, &asked, time)?;
    let mut parts = Vec::new();
    for ((topic, partition, position), trail::Ends { low, high, at }) in positions.into_iter().zip(ends) {
        if position > high {
            return Err(Refusal::Beyond { topic, partition, position, end: high });
        }
        let wanted = match from {
            From::Beginning => low,
            From::Time(_) => at.unwrap_or(high),
            From::Offset(offset) => *offset,
            From::Places(places) => places.place(&topic, partition, low)?,
        };
        let from = wanted.max(low);
        if from < position {
            parts.push(Part { topic, partition, from, to: position });
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_nobody_names_or_that_the_log_has_lost_is_refused() {
        let next = [("orders", 0, 5), ("orders", 1, 9), ("payments", 0, 7)];
        let next = next.map(|(topic, partition, next)| ((topic.to_owned(), partition), next)).into();
        let places = Places { of: "checkpoint billing/1".to_owned(), next };
        assert_eq!(places.place("orders", 1, 9).unwrap(), 9);
        let none = places.place("products", 0, 0).unwrap_err().to_string();
        assert!(none.contains("products/0") && none.contains("(orders, payments)"), "{none}");
        let cut = places.place("orders", 0, 6).unwrap_err().to_string();
        assert!(cut.contains("checkpoint billing/1 goes on at 5") && cut.contains("begins at 6"), "{cut}");
        assert!(!places.place("orders", 0, 6).unwrap_err().is_outage());
        assert_eq!(From::Places(places).to_string(), "checkpoint billing/1");
    }
}
