//! What is done to both forms, and what can be seen of it.

use std::collections::BTreeSet;
use std::time::Duration;

use kernel::{EventId, Timestamp};

use super::note::Note;
use crate::core::consumer::{ParkedKind, Parking, Position};
use crate::core::transaction::{DeadLetter, Erasure, Move, ParkedKeys};
use crate::outbox::Decided;
use crate::{Intent, OpenIntent, TraceContext};

/// One thing done.
#[derive(Debug)]
pub enum Operation {
    Begin {
        topic: &'static str,
        partition: i32,
        low: i64,
    },
    /// Committed when all moved, else rolled back.
    Advance(Vec<Moved>),
    /// A batch that is refused after these statements.
    RollBack {
        moves: Vec<Moved>,
        events: Vec<(EventId, Timestamp)>,
    },
    Unseen(Vec<(EventId, Timestamp)>),
    Write(Vec<Decided<Note>>),
    Exchange {
        delete: Vec<i64>,
        shards: Vec<i16>,
        without: Vec<i64>,
        limit: usize,
    },
    ClaimShards {
        me: &'static str,
        ttl: Duration,
    },
    LeaveShards {
        me: &'static str,
    },
    Open(Vec<String>),
    Claim {
        me: &'static str,
        lease: Duration,
        limit: usize,
        without: Vec<i64>,
    },
    End {
        me: &'static str,
        intents: Vec<Intent>,
    },
    PutBack {
        me: &'static str,
        due: Vec<(Intent, Timestamp)>,
    },
    Renew {
        me: &'static str,
        ids: Vec<i64>,
        lease: Duration,
    },
    LeaveIntents {
        me: &'static str,
        untried: Vec<i64>,
    },
    Park(Letter),
    Erase(Vec<Erased>),
    ParkedKeys(Vec<(&'static str, Vec<u8>)>),
}

impl Operation {
    /// For the count of what was done.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Begin { .. } => "begin",
            Self::Advance(_) => "advance",
            Self::RollBack { .. } => "roll back",
            Self::Unseen(_) => "unseen",
            Self::Write(_) => "write",
            Self::Exchange { .. } => "exchange",
            Self::ClaimShards { .. } => "claim shards",
            Self::LeaveShards { .. } => "leave shards",
            Self::Open(_) => "open intents",
            Self::Claim { .. } => "claim intents",
            Self::End { .. } => "end intents",
            Self::PutBack { .. } => "put back",
            Self::Renew { .. } => "renew",
            Self::LeaveIntents { .. } => "leave intents",
            Self::Park(_) => "park",
            Self::Erase(_) => "erase",
            Self::ParkedKeys(_) => "parked keys",
        }
    }
}

#[derive(Debug)]
pub struct Moved {
    pub topic: &'static str,
    pub partition: i32,
    pub from: i64,
    pub to: Position,
}

/// As messaging takes them.
pub fn moves(moved: &[Moved]) -> Vec<Move<'_>> {
    let all = moved.iter();
    all.map(|one| Move { topic: one.topic, partition: one.partition, from: one.from, to: one.to }).collect()
}

#[derive(Debug)]
pub struct Letter {
    pub topic: &'static str,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub event: EventId,
    pub parking: Parking,
}

#[derive(Debug)]
pub struct Erased {
    pub topic: &'static str,
    pub partition: i32,
    pub offset: i64,
    pub key: String,
}

/// As messaging takes them.
pub fn erasures(erased: &[Erased]) -> Vec<Erasure<'_>> {
    let all = erased.iter();
    all.map(|Erased { topic, partition, offset, key }| Erasure {
        topic,
        partition: *partition,
        offset: *offset,
        key: key.as_bytes(),
    })
    .collect()
}

impl Letter {
    pub fn dead(&self) -> DeadLetter<'_> {
        DeadLetter {
            topic: self.topic,
            partition: self.partition,
            offset: self.offset,
            key: self.key.as_deref(),
            value: Some(b"what it says"),
            headers: serde_json::json!([]),
            stamped_at: None,
            event_id: Some(self.event),
            record: None,
            parking: &self.parking,
            attempts: 1,
        }
    }
}

/// What an operation returned.
#[derive(Debug, PartialEq)]
pub enum Answer {
    Nothing,
    Position(Position),
    Moved(bool),
    Events(BTreeSet<EventId>),
    Rows(Vec<Row>),
    Shards(BTreeSet<i16>),
    Open(Vec<OpenIntent>),
    /// By id: both forms say which, not in which order.
    Claimed(Vec<Intent>),
    Ended(BTreeSet<i64>),
    Parked(ParkedKeys),
}

impl Answer {
    /// False when nothing was found, moved or taken.
    pub fn is_something(&self) -> bool {
        match self {
            Self::Nothing | Self::Position(_) => true,
            Self::Moved(moved) => *moved,
            Self::Events(events) => !events.is_empty(),
            Self::Rows(rows) => !rows.is_empty(),
            Self::Shards(shards) => !shards.is_empty(),
            Self::Open(open) => !open.is_empty(),
            Self::Claimed(claimed) => !claimed.is_empty(),
            Self::Ended(ended) => !ended.is_empty(),
            Self::Parked(parked) => !parked.is_empty(),
        }
    }
}

/// An unsent row, as far as both forms have it.
#[derive(Debug, PartialEq)]
pub struct Row {
    pub id: i64,
    pub shard: i16,
    pub topic: String,
    pub key: String,
    pub event_id: EventId,
    pub sequence: i64,
    pub time: Timestamp,
    pub causation: Option<EventId>,
}

/// Topic, partition and offset of a record that was parked, its key, why, what it says, and whether it was discarded.
pub type LetterState<K> = (String, i32, i64, Option<Vec<u8>>, K, Option<Vec<u8>>, bool);

/// All that can be seen at a moment, each by its key.
#[derive(Debug, PartialEq)]
pub struct State {
    pub positions: Vec<(String, i32, Position)>,
    /// Each with the days since the epoch of its own time.
    pub inbox: BTreeSet<(EventId, i64)>,
    pub rows: Vec<Row>,
    pub intents: Vec<IntentState>,
    pub letters: Vec<LetterState<ParkedKind>>,
    /// Whose, and whether the lease still runs.
    pub leases: Vec<(i16, Option<String>, bool)>,
    pub alive: BTreeSet<String>,
}

#[derive(Debug, PartialEq)]
pub struct IntentState {
    pub id: i64,
    pub key: String,
    pub kind: String,
    pub payload: serde_json::Value,
    pub subject: Option<String>,
    pub causation: Option<EventId>,
    pub trace: TraceContext,
    pub due_at: Timestamp,
    pub woken: bool,
    pub attempts: i32,
    pub owner: Option<String>,
    pub is_leased: bool,
}
