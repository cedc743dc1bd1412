//! The same operations on Postgres.

use std::collections::BTreeSet;

use kernel::{EventId, Timestamp};
use sqlx::{Connection as _, PgConnection, Row as _};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::operation::{Answer, IntentState, LetterState, Operation, Row, State, erasures, moves};
use crate::core::consumer::{ParkedKind, Position};
use crate::postgres::outbox::KnownSchemas;
use crate::postgres::{dead_letter, inbox, intent, lease, outbox, position};
use crate::{Intent, TraceContext};

/// Does it; what `now` is to a lease, the database says by itself.
pub async fn apply(connection: &mut PgConnection, operation: &Operation, now: Timestamp) -> Answer {
    match operation {
        Operation::Begin { topic, partition, low } => {
            Answer::Position(position::load_or_begin(connection, topic, *partition, *low).await.unwrap())
        }
        Operation::Advance(moved) => {
            let mut transaction = connection.begin().await.unwrap();
            let all = position::advance(&mut transaction, &moves(moved)).await.unwrap();
            if all { transaction.commit().await } else { transaction.rollback().await }.unwrap();
            Answer::Moved(all)
        }
        Operation::RollBack { moves: moved, events } => {
            let mut transaction = connection.begin().await.unwrap();
            let mut fresh = BTreeSet::new();
            if position::advance(&mut transaction, &moves(moved)).await.unwrap() {
                fresh = inbox::insert(&mut transaction, events).await.unwrap();
            }
            transaction.rollback().await.unwrap();
            Answer::Events(fresh)
        }
        Operation::Unseen(events) => Answer::Events(inbox::insert(connection, events).await.unwrap()),
        Operation::Write(decided) => {
            let mut transaction = connection.begin().await.unwrap();
            let traces = std::iter::repeat(TraceContext::default());
            outbox::insert(&mut transaction, decided, traces, &KnownSchemas::default()).await.unwrap();
            intent::change(&mut transaction, decided).await.unwrap();
            transaction.commit().await.unwrap();
            Answer::Nothing
        }
        Operation::Exchange { delete, shards, without, limit } => {
            let rows = outbox::exchange(connection, delete, shards, without, *limit).await.unwrap();
            Answer::Rows(rows.iter().map(row).collect())
        }
        Operation::ClaimShards { me, ttl } => {
            Answer::Shards(lease::claim(connection, me, *ttl).await.unwrap().into_iter().collect())
        }
        Operation::LeaveShards { me } => {
            lease::leave(connection, me).await.unwrap();
            Answer::Nothing
        }
        operation => of_intents(connection, operation, now).await,
    }
}

async fn of_intents(connection: &mut PgConnection, operation: &Operation, now: Timestamp) -> Answer {
    match operation {
        Operation::Open(keys) => return Answer::Open(intent::lock_open(connection, keys).await.unwrap()),
        Operation::Claim { me, lease, limit, without } => {
            let mut claimed = intent::claim(connection, me, now, *lease, *limit, without).await.unwrap();
            claimed.sort_by_key(|intent| intent.id);
            return Answer::Claimed(claimed);
        }
        Operation::End { me, intents } => {
            let intents: Vec<&Intent> = intents.iter().collect();
            return Answer::Ended(intent::end(connection, me, &intents).await.unwrap().into_iter().collect());
        }
        Operation::PutBack { me, due } => {
            let due: Vec<_> = due.iter().map(|(intent, at)| (intent, *at)).collect();
            intent::put_back(connection, me, &due, now).await.unwrap();
        }
        Operation::Renew { me, ids, lease } => intent::renew(connection, me, ids, *lease).await.unwrap(),
        Operation::LeaveIntents { me, untried } => intent::leave(connection, me, untried).await.unwrap(),
        Operation::Park(letter) => dead_letter::insert(connection, letter.dead(), now).await.unwrap(),
        Operation::Erase(erased) => {
            dead_letter::erase(connection, &erasures(erased), now).await.unwrap();
        }
        Operation::ParkedKeys(wanted) => {
            let (topics, keys): (Vec<&str>, Vec<&[u8]>) =
                wanted.iter().map(|(topic, key)| (*topic, key.as_slice())).unzip();
            return Answer::Parked(dead_letter::parked_keys(connection, &topics, &keys).await.unwrap());
        }
        other => unreachable!("{other:?}"),
    }
    Answer::Nothing
}

fn row(row: &outbox::OutboxRow) -> Row {
    Row {
        id: row.id,
        shard: row.shard,
        topic: row.topic.clone(),
        key: row.key.clone(),
        event_id: EventId(row.event_id),
        sequence: row.sequence,
        time: row.time,
        causation: row.causation.map(EventId),
    }
}

/// What can be seen.
pub async fn state(connection: &mut PgConnection) -> State {
    let shards: Vec<i16> = (0..=crate::core::COMPACTED_SHARD).collect();
    let rows = outbox::exchange(connection, &[], &shards, &[], usize::MAX).await.unwrap();
    let inbox: Vec<(Uuid, Date)> = all(connection, "SELECT event_id, day FROM messaging.inbox").await;
    let days = |day: Date| (day - Date::from_ordinal_date(1970, 1).unwrap()).whole_days();
    State {
        positions: positions(connection).await,
        inbox: inbox.into_iter().map(|(id, day)| (EventId(id), days(day))).collect(),
        rows: rows.iter().map(row).collect(),
        intents: intents(connection).await,
        letters: letters(connection).await,
        leases: all(
            connection,
            "SELECT shard, owner, until > now() FROM messaging.relay_lease ORDER BY shard",
        )
        .await,
        alive: all(connection, "SELECT instance FROM messaging.relay_instance WHERE until > now()")
            .await
            .into_iter()
            .map(|(instance,)| instance)
            .collect(),
    }
}

async fn all<T>(connection: &mut PgConnection, query: &'static str) -> Vec<T>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    sqlx::query_as(query).fetch_all(connection).await.unwrap()
}

async fn positions(connection: &mut PgConnection) -> Vec<(String, i32, Position)> {
    type Read = (String, i32, i64, Option<Uuid>, Option<OffsetDateTime>);
    let query = "SELECT topic, partition, next_offset, last_event_id, last_event_time
                 FROM messaging.position ORDER BY topic COLLATE \"C\", partition";
    let read: Vec<Read> = all(connection, query).await;
    let position = |(topic, partition, next_offset, id, time): Read| {
        let (last_event_id, last_event_time) = (id.map(EventId), time.map(Timestamp::from));
        (topic, partition, Position { next_offset, last_event_id, last_event_time })
    };
    read.into_iter().map(position).collect()
}

async fn letters(connection: &mut PgConnection) -> Vec<LetterState<ParkedKind>> {
    let query = "SELECT topic, partition, \"offset\", key, kind, value, state = 'discarded' FROM messaging.dead_letter
                 ORDER BY topic COLLATE \"C\", partition, \"offset\"";
    let read: Vec<LetterState<String>> = all(connection, query).await;
    let kind = |text: &str| ParkedKind::ALL.into_iter().find(|kind| kind.as_str() == text).unwrap();
    read.into_iter()
        .map(|(topic, partition, offset, key, text, value, is_discarded)| {
            (topic, partition, offset, key, kind(&text), value, is_discarded)
        })
        .collect()
}

async fn intents(connection: &mut PgConnection) -> Vec<IntentState> {
    let query = "SELECT *, lease_until > now() AS is_leased FROM messaging.intent ORDER BY id";
    let rows = sqlx::query(query).fetch_all(connection).await.unwrap();
    let intent = |row: &sqlx::postgres::PgRow| IntentState {
        id: row.get("id"),
        key: row.get("key"),
        kind: row.get("kind"),
        payload: row.get("payload"),
        subject: row.get("subject"),
        causation: row.get::<Option<Uuid>, _>("causation").map(EventId),
        trace: TraceContext { traceparent: row.get("traceparent"), tracestate: row.get("tracestate") },
        due_at: Timestamp::from(row.get::<OffsetDateTime, _>("due_at")),
        woken: row.get("woken"),
        attempts: row.get("attempts"),
        owner: row.get("lease_owner"),
        is_leased: row.get("is_leased"),
    };
    rows.iter().map(intent).collect()
}
