//! The rules of delivery are written twice, in SQL and in memory: random operations on both must come to the same, each for
//! itself and in all that can be seen. What happens between transactions that run at once is Postgres's alone.

mod draw;
mod in_memory;
mod in_postgres;
mod note;
mod operation;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use kernel::Timestamp;
use sqlx::{Connection as _, PgConnection};
use testkit::Parts;

use super::Database;
use draw::Draw;
use note::Note;
use operation::{Answer, Operation};

const SEQUENCES: u64 = 40;
const OPERATIONS: usize = 150;
/// 2026-01-01.
const START: i64 = 1_767_225_600_000_000;
/// As the admin: a service may not, and the ids begin at 1 again.
const EMPTY: &str = "
    TRUNCATE messaging.position, messaging.inbox, messaging.outbox, messaging.intent, messaging.dead_letter,
        messaging.dead_letter_action, messaging.dead_letter_step, messaging.relay_instance RESTART IDENTITY;
    UPDATE messaging.relay_lease SET owner = NULL, until = '-infinity'";

/// Of these only the state tells.
const TELL_NOTHING: [&str; 8] =
    ["begin", "write", "leave shards", "put back", "renew", "leave intents", "park", "erase"];

#[tokio::test]
async fn random_operations_come_to_the_same_in_memory_and_in_postgres() {
    let parts = Parts::shared().await.unwrap();
    let set = Parts::unique();
    let database = parts.database(&set, "equal", &[&crate::migrations::MIGRATOR]).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let mut counts = Counts::new();
    for seed in 0..SEQUENCES {
        database.as_admin(EMPTY).await.unwrap();
        run(seed, &mut connection, &mut counts).await;
    }
    assert_eq!(counts.len(), 17, "an operation was never drawn: {counts:?}");
    for (name, (nothing, something)) in counts {
        assert!(
            something > 0 && (nothing > 0 || TELL_NOTHING.contains(&name)),
            "{name} always comes to the same"
        );
    }
}

/// By name: how often nothing came of an operation, and how often something did.
type Counts = BTreeMap<&'static str, (usize, usize)>;

async fn run(seed: u64, connection: &mut PgConnection, counts: &mut Counts) {
    let mut memory = Database::<Note>::default();
    let mut draw = Draw::of(seed);
    let mut log = format!("seed {seed}\n");
    for number in 0..OPERATIONS {
        // Time goes on between two operations, so that a lease of no time has run out, as it has in Postgres.
        let now = Timestamp::from_micros(START).unwrap().plus(Duration::from_secs(number as u64));
        let operation = draw.operation(&memory, now);
        writeln!(log, "{number}: {operation:?}").unwrap();
        let expected = in_postgres::apply(connection, &operation, now).await;
        let found = in_memory::apply(&mut memory, &operation, now).await;
        assert_eq!(found, expected, "memory, Postgres after\n{log}");
        count(&operation, &found, counts);
        if let (Answer::Claimed(intents), Operation::Claim { me, .. }) = (found, &operation) {
            draw.claimed.extend(intents.into_iter().map(|intent| (*me, intent)));
        }
        if number % 10 == 9 {
            let later = now.plus(Duration::from_micros(1));
            let expected = in_postgres::state(connection).await;
            assert_eq!(in_memory::state(&memory, later), expected, "memory, Postgres after\n{log}");
        }
    }
}

fn count(operation: &Operation, answer: &Answer, counts: &mut Counts) {
    let (nothing, something) = counts.entry(operation.name()).or_default();
    if answer.is_something() { *something += 1 } else { *nothing += 1 }
}
