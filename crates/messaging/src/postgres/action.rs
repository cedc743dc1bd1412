//! What somebody asked to be done with dead letters, carried out letter by letter.

use kernel::{EventId, Timestamp};
use sqlx::{PgConnection, PgPool, Row as _, postgres::PgRow};
use time::OffsetDateTime;

use super::StoreError;
use crate::core::consumer::Parking;
use crate::core::record::Raw;
use crate::core::redrive::Ahead;

/// An action that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub id: i64,
    pub is_discard: bool,
    pub who: String,
    pub why: Option<String>,
}

/// A letter that is still to be done.
#[derive(Debug)]
pub struct Parked {
    pub id: i64,
    /// Without prefix.
    pub topic: String,
    pub partition: i32,
    pub raw: Raw,
}

/// What came of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    Redriven,
    Discarded,
    /// It is parked as before, for its own reason.
    Failed,
    /// It is parked as before, for what is ahead of it.
    Behind,
}

impl StepOutcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
            Self::Failed => "failed",
            Self::Behind => "behind",
        }
    }
}

/// What came of a letter, to be written down.
#[derive(Debug)]
pub struct Step {
    pub letter: i64,
    pub outcome: StepOutcome,
    pub detail: Option<String>,
    /// Why it is parked from now on, when that was tried, and how often.
    pub parking: Option<(Parking, u32)>,
}

/// The oldest action that is not done.
pub async fn oldest(pool: &PgPool) -> Result<Option<Action>, StoreError> {
    let row: Option<(i64, String, String, Option<String>)> = sqlx::query_as(
        "SELECT id, kind, who, reason FROM messaging.dead_letter_action WHERE done_at IS NULL ORDER BY id LIMIT 1",
    )
    .fetch_optional(pool)
    .await
    .map_err(StoreError::doing("look for actions on dead letters"))?;
    Ok(row.map(|(id, kind, who, why)| Action { id, is_discard: kind == "discard", who, why }))
}

/// The next letters of an action, in the order of the log. Those that another action settled meanwhile are crossed out.
pub async fn next(pool: &PgPool, action: i64, letters_max: i64) -> Result<Vec<Parked>, StoreError> {
    sqlx::query(
        "UPDATE messaging.dead_letter_step AS step
         SET outcome = 'gone', detail = 'it was ' || letter.state || ' meanwhile', done_at = now()
         FROM messaging.dead_letter AS letter
         WHERE step.action = $1 AND step.outcome IS NULL AND letter.id = step.letter AND letter.state <> 'parked'",
    )
    .bind(action)
    .execute(pool)
    .await
    .map_err(StoreError::doing("cross out settled dead letters"))?;
    let rows = sqlx::query(
        r#"SELECT letter.id, topic, partition, "offset", key, value, headers, stamped_at
           FROM messaging.dead_letter_step AS step JOIN messaging.dead_letter AS letter ON letter.id = step.letter
           WHERE step.action = $1 AND step.outcome IS NULL
           ORDER BY topic, partition, "offset" LIMIT $2"#,
    )
    .bind(action)
    .bind(letters_max)
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("load dead letters"))?;
    rows.iter().map(parked).collect::<Result<_, _>>().map_err(StoreError::doing("read dead letters"))
}

/// A row of the table as the record it was.
pub fn parked(row: &PgRow) -> Result<Parked, sqlx::Error> {
    let stamped: Option<OffsetDateTime> = row.try_get("stamped_at")?;
    let raw = Raw {
        offset: row.try_get("offset")?,
        key: row.try_get("key")?,
        value: row.try_get("value")?,
        headers: Raw::headers_of(&row.try_get("headers")?),
        timestamp_ms: stamped.map(|at| Timestamp::from(at).as_micros() / 1_000),
    };
    Ok(Parked {
        id: row.try_get("id")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        raw,
    })
}

/// Takes an action for this transaction, locks the partitions of these letters so that nothing of them is handled or parked
/// meanwhile, then the letters. False when another instance has the action, or it is not what it was.
pub async fn hold(connection: &mut PgConnection, action: i64, letters: &[i64]) -> Result<bool, StoreError> {
    let held = sqlx::query(
        "SELECT 1 FROM messaging.dead_letter_action WHERE id = $1 AND done_at IS NULL FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(action)
    .fetch_optional(&mut *connection)
    .await
    .map_err(StoreError::doing("hold an action on dead letters"))?;
    if held.is_none() {
        return Ok(false);
    }
    sqlx::query(
        "SELECT 1 FROM messaging.position AS position
         WHERE (topic, partition) IN (SELECT topic, partition FROM messaging.dead_letter WHERE id = ANY($1))
         ORDER BY topic, partition FOR UPDATE",
    )
    .bind(letters)
    .execute(&mut *connection)
    .await
    .map_err(StoreError::doing("lock the positions of dead letters"))?;
    let held = sqlx::query(
        "SELECT 1 FROM messaging.dead_letter_step AS step JOIN messaging.dead_letter AS letter ON letter.id = step.letter
         WHERE step.action = $1 AND step.letter = ANY($2) AND step.outcome IS NULL AND letter.state = 'parked'
         ORDER BY letter.id FOR NO KEY UPDATE OF letter",
    )
    .bind(action)
    .bind(letters)
    .execute(connection)
    .await
    .map_err(StoreError::doing("lock dead letters"))?;
    Ok(held.rows_affected() == letters.len() as u64)
}

/// The first parked record of each of their keys that is not one of these letters.
pub async fn ahead(connection: &mut PgConnection, letters: &[i64]) -> Result<Ahead, StoreError> {
    let rows: Vec<(String, i32, Vec<u8>, i64)> = sqlx::query_as(
        r#"WITH wanted AS (SELECT DISTINCT topic, partition, key FROM messaging.dead_letter
                           WHERE id = ANY($1) AND key IS NOT NULL)
           SELECT topic, partition, wanted.key, min("offset")
           FROM wanted JOIN messaging.dead_letter AS letter USING (topic, partition)
           WHERE state = 'parked' AND sha256(letter.key) = sha256(wanted.key) AND letter.key = wanted.key
                 AND letter.id <> ALL($1)
           GROUP BY topic, partition, wanted.key"#,
    )
    .bind(letters)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("look for what is ahead of dead letters"))?;
    Ok(rows.into_iter().map(|(topic, partition, key, offset)| ((topic, partition, key), offset)).collect())
}

/// Writes down what came of letters, with the letters.
pub async fn settle(connection: &mut PgConnection, action: i64, steps: &[Step]) -> Result<(), StoreError> {
    let clean = |text: &String| text.replace('\0', "\u{fffd}"); // Postgres takes no NUL
    let parking = |step: &Step| step.parking.clone();
    sqlx::query(
        "WITH new AS (SELECT * FROM unnest($2::int8[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int4[])
                               AS new (letter, outcome, detail, kind, reason, tries)),
              letters AS (UPDATE messaging.dead_letter AS letter
                          SET state = CASE WHEN outcome IN ('redriven', 'discarded') THEN outcome ELSE state END,
                              kind = coalesce(new.kind, letter.kind), reason = coalesce(new.reason, letter.reason),
                              attempts = attempts + new.tries
                          FROM new WHERE letter.id = new.letter)
         UPDATE messaging.dead_letter_step AS step
         SET outcome = new.outcome, detail = new.detail, done_at = now()
         FROM new WHERE step.action = $1 AND step.letter = new.letter",
    )
    .bind(action)
    .bind(steps.iter().map(|step| step.letter).collect::<Vec<_>>())
    .bind(steps.iter().map(|step| step.outcome.as_str()).collect::<Vec<_>>())
    .bind(steps.iter().map(|step| step.detail.as_ref().map(clean)).collect::<Vec<_>>())
    .bind(steps.iter().map(|step| parking(step).map(|(parking, _)| parking.kind.as_str())).collect::<Vec<_>>())
    .bind(steps.iter().map(|step| parking(step).map(|(parking, _)| clean(&parking.reason))).collect::<Vec<_>>())
    .bind(steps.iter().map(|step| parking(step).map_or(0, |(_, tries)| i32::try_from(tries).unwrap_or(i32::MAX))).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(StoreError::doing("settle dead letters"))?;
    Ok(())
}

/// Ends an action; false when there is more to do: of whole keys also what came behind them, unless one of theirs stays.
pub async fn finish(connection: &mut PgConnection, action: i64) -> Result<bool, StoreError> {
    let more = sqlx::query(
        "WITH keys AS (SELECT topic, key FROM messaging.dead_letter_step AS step
                           JOIN messaging.dead_letter AS letter ON letter.id = step.letter
                       WHERE action = $1 AND key IS NOT NULL GROUP BY topic, key
                       HAVING bool_and(outcome IN ('redriven', 'discarded', 'gone')))
         INSERT INTO messaging.dead_letter_step (action, letter)
         SELECT $1, letter.id FROM keys JOIN messaging.dead_letter AS letter USING (topic)
         WHERE state = 'parked' AND sha256(letter.key) = sha256(keys.key) AND letter.key = keys.key
               AND (SELECT whole_keys AND kind = 'redrive' FROM messaging.dead_letter_action WHERE id = $1)
         ON CONFLICT DO NOTHING",
    )
    .bind(action)
    .execute(&mut *connection)
    .await
    .map_err(StoreError::doing("look for what came behind"))?;
    if more.rows_affected() > 0 {
        return Ok(false);
    }
    let done = sqlx::query(
        "UPDATE messaging.dead_letter_action SET done_at = now()
         WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM messaging.dead_letter_step WHERE action = $1 AND outcome IS NULL)",
    )
    .bind(action)
    .execute(connection)
    .await
    .map_err(StoreError::doing("end an action on dead letters"))?;
    Ok(done.rows_affected() > 0)
}

/// What a discard writes to the inbox: an id that comes again had no effect, and never will have.
pub fn discarded_ids(letters: &[Parked]) -> Vec<(EventId, Timestamp)> {
    letters.iter().filter_map(|letter| Some((letter.raw.event_id()?, letter.raw.time()))).collect()
}
