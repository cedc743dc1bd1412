//! Asks for something to be done with them.

use sqlx::PgConnection;

use super::look::matching;
use crate::StoreError;
use crate::dead_letters::{Asked, DeadLetters, Filter, Refusal, What, Wish};

impl DeadLetters {
    /// What would be done: the letters, or why not.
    pub async fn look_ahead(&self, wish: &Wish) -> Result<Asked, Refusal> {
        let mut connection = self.pool.acquire().await.map_err(StoreError::doing("connect"))?;
        choose(&mut connection, wish).await
    }

    /// Writes down what is to be done, who wants it and why. The service does it.
    pub async fn ask(&self, wish: &Wish) -> Result<Asked, Refusal> {
        let mut transaction = self.pool.begin().await.map_err(StoreError::doing("begin a request"))?;
        let mut asked = choose(&mut transaction, wish).await?;
        let kind = match wish.what {
            What::Redrive => "redrive",
            What::Discard => "discard",
        };
        let action: i64 = sqlx::query_scalar(
            "INSERT INTO messaging.dead_letter_action (kind, who, reason, whole_keys) VALUES ($1, $2, $3, $4) RETURNING id",
        )
        .bind(kind)
        .bind(&wish.who)
        .bind(&wish.why)
        .bind(wish.whole_keys)
        .fetch_one(&mut *transaction)
        .await
        .map_err(StoreError::doing("write down a request"))?;
        sqlx::query("INSERT INTO messaging.dead_letter_step (action, letter) SELECT $1, unnest($2::int8[])")
            .bind(action)
            .bind(asked.letters.iter().map(|letter| letter.id).collect::<Vec<_>>())
            .execute(&mut *transaction)
            .await
            .map_err(StoreError::doing("write down the letters of a request"))?;
        transaction.commit().await.map_err(StoreError::doing("commit a request"))?;
        asked.action = Some(action);
        Ok(asked)
    }
}

async fn choose(connection: &mut PgConnection, wish: &Wish) -> Result<Asked, Refusal> {
    if wish.what == What::Discard && wish.why.as_deref().is_none_or(|why| why.trim().is_empty()) {
        return Err(Refusal::NoReason);
    }
    let mut letters = matching(connection, &Filter { settled: false, ..wish.filter.clone() }).await?;
    if let Some(missing) = wish.filter.ids.iter().find(|id| letters.iter().all(|letter| letter.id != **id)) {
        return Err(Refusal::NotParked(*missing));
    }
    if letters.is_empty() {
        return Err(Refusal::Nothing);
    }
    let ids: Vec<i64> = letters.iter().map(|letter| letter.id).collect();
    if wish.whole_keys {
        let ids = of_their_keys(connection, &ids).await?;
        letters = matching(connection, &Filter { ids, ..Filter::default() }).await?;
    } else if wish.what == What::Redrive
        && let Some((letter, ahead)) = overtaken(connection, &ids).await?
    {
        return Err(Refusal::Behind { letter, ahead });
    }
    Ok(Asked { action: None, letters })
}

async fn of_their_keys(connection: &mut PgConnection, letters: &[i64]) -> Result<Vec<i64>, StoreError> {
    sqlx::query_scalar(
        "WITH keys AS (SELECT DISTINCT topic, key FROM messaging.dead_letter WHERE id = ANY($1) AND key IS NOT NULL)
         SELECT letter.id FROM keys JOIN messaging.dead_letter AS letter USING (topic)
         WHERE state = 'parked' AND sha256(letter.key) = sha256(keys.key) AND letter.key = keys.key
         UNION SELECT unnest($1::int8[])",
    )
    .bind(letters)
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("look for what else is parked of these keys"))
}

/// A letter and one ahead of it that is not among them.
async fn overtaken(connection: &mut PgConnection, letters: &[i64]) -> Result<Option<(i64, i64)>, StoreError> {
    sqlx::query_as(
        r#"WITH last AS (SELECT DISTINCT ON (topic, partition, key) id, topic, partition, key, "offset"
                         FROM messaging.dead_letter WHERE id = ANY($1) AND key IS NOT NULL
                         ORDER BY topic, partition, key, "offset" DESC)
           SELECT last.id, letter.id FROM last JOIN messaging.dead_letter AS letter USING (topic, partition)
           WHERE state = 'parked' AND sha256(letter.key) = sha256(last.key) AND letter.key = last.key
                 AND letter."offset" < last."offset" AND letter.id <> ALL($1)
           ORDER BY letter."offset" LIMIT 1"#,
    )
    .bind(letters)
    .fetch_optional(connection)
    .await
    .map_err(StoreError::doing("look for what is ahead of them"))
}
