//! Table `folded`, and what callers see when the database fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use kernel::Seen;
use messaging::listener::Listening;
use messaging::{Repository, StoreError};
use serde_json::Value;
use service_kit::Problem;
use sqlx::{PgConnection, PgPool};

use crate::{Fold, Folding, Kept};

/// The table `folded`, which the listener's own migration makes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Folded;

impl<F: Fold> Repository<Listening<Folding<F>>> for Folded {
    async fn load(
        &self,
        connection: &mut PgConnection,
        keys: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Kept<F::State>>, StoreError> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let rows: Vec<(String, i64, Value)> =
            sqlx::query_as("SELECT key, seen, state FROM folded WHERE key = ANY($1) ORDER BY key FOR UPDATE")
                .bind(keys)
                .fetch_all(connection)
                .await
                .map_err(StoreError::doing("load what is folded"))?;
        let kept = rows.into_iter().map(|(key, seen, state)| {
            let state = read::<F>(&key, state)?;
            Ok((key, Kept { seen: Seen(seen), state }))
        });
        kept.collect()
    }

    async fn save(
        &self,
        connection: &mut PgConnection,
        loaded: BTreeMap<String, Kept<F::State>>,
    ) -> Result<(), StoreError> {
        let (mut keys, mut seen, mut states) = (Vec::new(), Vec::new(), Vec::<Value>::new());
        for (key, kept) in loaded {
            states.push(serde_json::to_value(kept.state).map_err(|error| impossible(&key, &error))?);
            seen.push(kept.seen.0);
            keys.push(key);
        }
        sqlx::query(
            "INSERT INTO folded (key, seen, state) SELECT * FROM unnest($1::text[], $2::bigint[], $3::jsonb[])
             ON CONFLICT (key) DO UPDATE SET seen = excluded.seen, state = excluded.state",
        )
        .bind(keys)
        .bind(seen)
        .bind(states)
        .execute(connection)
        .await
        .map_err(StoreError::doing("save what is folded"))?;
        Ok(())
    }
}

/// What is known of `key`; 404 when it was never heard of.
pub async fn find<F: Fold>(pool: &PgPool, key: &impl Display) -> Result<F::State, Problem> {
    let key = key.to_string();
    let state: Option<Value> = sqlx::query_scalar("SELECT state FROM folded WHERE key = $1")
        .bind(&key)
        .fetch_optional(pool)
        .await
        .map_err(Problem::from)?;
    match state {
        Some(state) => read::<F>(&key, state).map_err(problem),
        None => Err(Problem::not_found(format!("nothing was heard of {key}"))),
    }
}

/// What callers see of an error: an outage of the database is a 503, a row that no code of ours writes a 500.
pub fn problem(error: StoreError) -> Problem {
    match error {
        StoreError::Database { source, .. } => source.into(),
        error @ (StoreError::Impossible { .. } | StoreError::Encode(_)) => Problem::internal(error),
    }
}

fn read<F: Fold>(key: &str, state: Value) -> Result<F::State, StoreError> {
    serde_json::from_value(state).map_err(|error| impossible(key, &error))
}

fn impossible(key: &str, detail: &impl ToString) -> StoreError {
    StoreError::Impossible { table: "folded.state", key: key.to_owned(), detail: detail.to_string() }
}
