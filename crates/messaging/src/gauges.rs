//! How much waits in the service's tables: asked now and then, not by those who look at it.

use std::time::Duration;

use crate::postgres::{dead_letter, intent, outbox};
use crate::{Runtime, StoreError, metrics};

const EVERY: Duration = Duration::from_secs(2);

/// Measures the outbox and the dead letters, for ever.
pub(crate) async fn outbox(runtime: &Runtime) {
    let mut every = tokio::time::interval(EVERY);
    loop {
        every.tick().await;
        told(runtime, StoreError::in_time("measure the outbox", look_at_outbox(runtime)).await);
    }
}

/// Measures the open intents, for ever.
pub(crate) async fn intents(runtime: &Runtime) {
    let mut every = tokio::time::interval(EVERY);
    loop {
        every.tick().await;
        told(runtime, StoreError::in_time("measure the intents", look_at_intents(runtime)).await);
    }
}

async fn look_at_outbox(runtime: &Runtime) -> Result<(), StoreError> {
    let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
    let (rows, oldest) = outbox::depth(&mut connection).await?;
    let age = oldest.map_or(0.0, |oldest| runtime.clock.now().since(oldest).as_secs_f64());
    metrics::set(metrics::OUTBOX_DEPTH, runtime.service, rows);
    ::metrics::gauge!(metrics::OUTBOX_AGE, "service" => runtime.service).set(age);
    let (letters, keys) = dead_letter::count(&mut connection).await?;
    metrics::set(metrics::DEAD_LETTERS, runtime.service, letters);
    metrics::set(metrics::DEAD_LETTER_KEYS, runtime.service, keys);
    Ok(())
}

async fn look_at_intents(runtime: &Runtime) -> Result<(), StoreError> {
    let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
    let (open, attempts_max) = intent::count(&mut connection).await?;
    metrics::set(metrics::INTENTS, runtime.service, open);
    metrics::set(metrics::INTENT_ATTEMPTS, runtime.service, attempts_max.into());
    Ok(())
}

/// Whether the database answers is told elsewhere.
fn told(runtime: &Runtime, looked: Result<(), StoreError>) {
    if let Err(error) = looked {
        tracing::debug!(service = runtime.service, %error, "cannot measure what waits");
    }
}
