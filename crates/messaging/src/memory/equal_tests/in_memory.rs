//! Operations on the form in memory.

use std::collections::BTreeSet;

use kernel::Timestamp;

use super::note::{Nobody, Note};
use super::operation::{Answer, IntentState, Operation, Row, State, erasures, moves};
use crate::Intent;
use crate::core::transaction::Transaction;
use crate::memory::{Database, IntentRow, OutboxRow, Session};

/// Does it, at `now`.
pub async fn apply(database: &mut Database<Note>, operation: &Operation, now: Timestamp) -> Answer {
    match operation {
        Operation::Begin { topic, partition, low } => {
            Answer::Position(database.load_or_begin(topic, *partition, *low))
        }
        Operation::Advance(moved) => Answer::Moved(database.advance(&moves(moved))),
        Operation::RollBack { moves: moved, events } => {
            let mut tables = ();
            let mut session = Session::begin("", database, &mut tables);
            let moved = Transaction::<Nobody>::advance(&mut session, &moves(moved)).await.unwrap();
            let fresh = if moved {
                Transaction::<Nobody>::unseen(&mut session, events).await.unwrap()
            } else {
                BTreeSet::new()
            };
            session.roll_back();
            Answer::Events(fresh)
        }
        Operation::Unseen(events) => Answer::Events(database.unseen(events)),
        Operation::Write(decided) => {
            database.append(decided);
            database.change_intents(decided);
            Answer::Nothing
        }
        Operation::Exchange { delete, shards, without, limit } => {
            Answer::Rows(database.exchange(delete, shards, without, *limit).iter().map(row).collect())
        }
        Operation::ClaimShards { me, ttl } => {
            Answer::Shards(database.claim_shards(me, now, *ttl).into_iter().collect())
        }
        Operation::LeaveShards { me } => {
            database.leave_shards(me);
            Answer::Nothing
        }
        operation => of_intents(database, operation, now),
    }
}

fn of_intents(database: &mut Database<Note>, operation: &Operation, now: Timestamp) -> Answer {
    match operation {
        Operation::Open(keys) => return Answer::Open(database.open_intents(keys)),
        Operation::Claim { me, lease, limit, without } => {
            let mut claimed = database.claim_intents(me, now, *lease, *limit, without);
            claimed.sort_by_key(|intent| intent.id);
            return Answer::Claimed(claimed);
        }
        Operation::End { me, intents } => {
            let intents: Vec<&Intent> = intents.iter().collect();
            return Answer::Ended(database.end_intents(me, &intents).into_iter().collect());
        }
        Operation::PutBack { me, due } => {
            let due: Vec<_> = due.iter().map(|(intent, at)| (intent, *at)).collect();
            database.put_back_intents(me, &due);
        }
        Operation::Renew { me, ids, lease } => database.renew_intents(me, ids, now, *lease),
        Operation::LeaveIntents { me, untried } => database.leave_intents(me, untried),
        Operation::Park(letter) => database.park(&letter.dead()),
        Operation::Erase(erased) => database.erase(&erasures(erased)),
        Operation::ParkedKeys(wanted) => {
            let (topics, keys): (Vec<&str>, Vec<&[u8]>) =
                wanted.iter().map(|(topic, key)| (*topic, key.as_slice())).unzip();
            return Answer::Parked(database.parked_keys(&topics, &keys));
        }
        other => unreachable!("{other:?}"),
    }
    Answer::Nothing
}

fn row(row: &OutboxRow<Note>) -> Row {
    Row {
        id: row.id,
        shard: row.shard,
        topic: row.topic.to_owned(),
        key: row.key.clone(),
        event_id: row.event.id,
        sequence: row.event.sequence,
        time: row.at,
        causation: row.causation,
    }
}

/// What can be seen at `now`.
pub fn state(database: &Database<Note>, now: Timestamp) -> State {
    let runs = |until: Option<Timestamp>| until.is_some_and(|until| until > now);
    let intent = |row: &IntentRow| IntentState {
        id: row.intent.id,
        key: row.intent.key.clone(),
        kind: row.intent.kind.clone(),
        payload: row.intent.payload.clone(),
        subject: row.subject.clone(),
        causation: row.intent.causation,
        trace: row.intent.trace.clone(),
        due_at: row.due_at,
        woken: row.woken,
        attempts: row.intent.attempts,
        owner: row.owner.clone(),
        is_leased: runs(row.until),
    };
    let mut positions = database.positions.clone();
    positions.sort_by_key(|(topic, partition, _)| (topic.clone(), *partition));
    let letters = database.letters.iter();
    let alive = database.instances.iter().filter(|(_, until)| **until > now);
    State {
        positions,
        inbox: database.inbox.clone(),
        rows: database.unsent().map(row).collect(),
        intents: database.intents().map(intent).collect(),
        letters: letters
            .map(|((topic, partition, offset), it)| {
                let (key, value) = (it.key.clone(), it.value.clone());
                (topic.clone(), *partition, *offset, key, it.kind, value, it.is_discarded)
            })
            .collect(),
        leases: database.leases.iter().map(|it| (it.shard, it.owner.clone(), runs(it.until))).collect(),
        alive: alive.map(|(instance, _)| instance.clone()).collect::<BTreeSet<_>>(),
    }
}
