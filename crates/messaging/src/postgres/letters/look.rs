//! Reads them.

use kernel::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::core::record::Raw;
use crate::dead_letters::{DeadLetters, Filter, Progress, Stays, Summary, Taken, Whole};
use crate::registry::Registry;
use crate::{Settings, StoreError};

/// Letters that stay, told one by one.
const STAY_MAX: i64 = 20;

/// What is read of the settled ones, and of an action, without a limit of its own.
const LETTERS_MAX: i64 = 1_000_000;

impl DeadLetters {
    /// Those that fit, in the order of the log.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Summary>, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(StoreError::doing("connect"))?;
        matching(&mut connection, filter).await
    }

    /// How many are parked.
    pub async fn parked(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT count(*) FROM messaging.dead_letter WHERE state = 'parked'")
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::doing("count dead letters"))
    }

    /// One of them, whole; what it says when the registry in `settings` tells.
    pub async fn show(&self, id: i64, settings: &Settings) -> Result<Option<Whole>, StoreError> {
        let row = sqlx::query("SELECT * FROM messaging.dead_letter WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::doing("load a dead letter"))?;
        let Some(row) = row else { return Ok(None) };
        let read = || -> Result<Whole, sqlx::Error> {
            Ok(Whole {
                summary: summary(&row)?,
                headers: row.try_get("headers")?,
                value: row.try_get("value")?,
                event: None,
                actions: Vec::new(),
            })
        };
        let mut whole = read().map_err(StoreError::doing("read a dead letter"))?;
        whole.event = says(&whole, settings).await;
        whole.actions = self.actions(id).await?;
        Ok(Some(whole))
    }

    async fn actions(&self, letter: i64) -> Result<Vec<Taken>, StoreError> {
        let rows = sqlx::query(
            "SELECT action.id, kind, who, reason, requested_at, outcome, detail
             FROM messaging.dead_letter_step AS step JOIN messaging.dead_letter_action AS action ON action.id = step.action
             WHERE letter = $1 ORDER BY action.id",
        )
        .bind(letter)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::doing("load the actions on a dead letter"))?;
        let read = |row: &PgRow| -> Result<Taken, sqlx::Error> {
            Ok(Taken {
                action: row.try_get("id")?,
                kind: row.try_get("kind")?,
                who: row.try_get("who")?,
                why: row.try_get("reason")?,
                requested_at: row.try_get::<OffsetDateTime, _>("requested_at")?.into(),
                outcome: row.try_get("outcome")?,
                detail: row.try_get("detail")?,
            })
        };
        rows.iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(StoreError::doing("read the actions on a dead letter"))
    }

    /// How far an action is.
    pub async fn progress(&self, action: i64) -> Result<Progress, StoreError> {
        // First whether it is done: what came of its letters is known by then.
        let done: bool =
            sqlx::query_scalar("SELECT done_at IS NOT NULL FROM messaging.dead_letter_action WHERE id = $1")
                .bind(action)
                .fetch_one(&self.pool)
                .await
                .map_err(StoreError::doing("look at an action"))?;
        let counts: Vec<(Option<String>, i64)> = sqlx::query_as(
            "SELECT outcome, count(*) FROM messaging.dead_letter_step WHERE action = $1 GROUP BY outcome",
        )
        .bind(action)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::doing("count the letters of an action"))?;
        let of = |wanted: Option<&str>| {
            counts.iter().find(|(outcome, _)| outcome.as_deref() == wanted).map_or(0, |(_, count)| *count)
        };
        let stay: Vec<(i64, String, Option<String>)> = sqlx::query_as(
            "SELECT letter, outcome, detail FROM messaging.dead_letter_step
             WHERE action = $1 AND outcome IN ('failed', 'behind') ORDER BY outcome DESC, letter LIMIT $2",
        )
        .bind(action)
        .bind(STAY_MAX)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::doing("look at what stays"))?;
        Ok(Progress {
            done,
            redriven: of(Some("redriven")),
            discarded: of(Some("discarded")),
            failed: of(Some("failed")),
            behind: of(Some("behind")),
            gone: of(Some("gone")),
            open: of(None),
            stay: stay
                .into_iter()
                .map(|(letter, outcome, detail)| Stays { letter, outcome, detail })
                .collect(),
        })
    }
}

/// Those that fit, in the order of the log.
pub(super) async fn matching(
    connection: &mut PgConnection,
    filter: &Filter,
) -> Result<Vec<Summary>, StoreError> {
    let rows = sqlx::query(
        r#"SELECT id, topic, partition, "offset", key, event_id, record, kind, reason, attempts, parked_at, state
           FROM messaging.dead_letter
           WHERE (state = 'parked' OR $1) AND (cardinality($2::int8[]) = 0 OR id = ANY($2))
             AND ($3::text IS NULL OR topic = $3) AND ($4::text IS NULL OR kind = $4)
             AND ($5::text IS NULL OR key = convert_to($5, 'UTF8')
                  OR headers @> jsonb_build_array(jsonb_build_array('ce_correlationid', $5)))
             AND ($6::text IS NULL OR record = $6 OR split_part(record, '.', -1) = $6)
             AND ($7::timestamptz IS NULL OR parked_at >= $7)
           ORDER BY topic, partition, "offset" LIMIT $8"#,
    )
    .bind(filter.settled)
    .bind(&filter.ids)
    .bind(&filter.topic)
    .bind(&filter.kind)
    .bind(&filter.key)
    .bind(&filter.record)
    .bind(filter.since.map(OffsetDateTime::from))
    .bind(filter.letters_max.map_or(LETTERS_MAX, i64::from))
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("list dead letters"))?;
    rows.iter().map(summary).collect::<Result<_, _>>().map_err(StoreError::doing("read dead letters"))
}

fn summary(row: &PgRow) -> Result<Summary, sqlx::Error> {
    let key: Option<Vec<u8>> = row.try_get("key")?;
    Ok(Summary {
        id: row.try_get("id")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("offset")?,
        key: key.map(|key| String::from_utf8_lossy(&key).into_owned()),
        event_id: row.try_get::<Option<Uuid>, _>("event_id")?.map(|id| id.to_string()),
        record: row.try_get("record")?,
        kind: row.try_get("kind")?,
        reason: row.try_get("reason")?,
        attempts: row.try_get("attempts")?,
        parked_at: Timestamp::from(row.try_get::<OffsetDateTime, _>("parked_at")?),
        state: row.try_get("state")?,
    })
}

/// By the schema it was written with: also what this build cannot take is shown.
async fn says(whole: &Whole, settings: &Settings) -> Option<serde_json::Value> {
    let raw = Raw {
        offset: whole.summary.offset,
        key: whole.summary.key.clone().map(String::into_bytes),
        value: whole.value.clone(),
        headers: Vec::new(),
        timestamp_ms: None,
    };
    let writer = Registry::new(&settings.registry_url).ok()?.writer(raw.schema_id()?).await.ok()?;
    crate::core::record::as_json(&raw, &writer)
}
