//! Where a partition is read from: the position in the database, compared with what the broker has.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{Consumer as _, StreamConsumer};

use crate::core::consumer::{Position, Start, start};
use crate::kafka::client::Listener;
use crate::kafka::wire::chain;
use crate::postgres::position;
use crate::{Runtime, StoreError};

const BROKER_TIMEOUT: Duration = Duration::from_secs(2);

/// A partition that may be read.
#[derive(Clone, Debug)]
pub struct Begin {
    /// The position.
    pub position: Position,
    /// Where to begin, or why not.
    pub start: Start,
}

/// Finds out where to begin, trying until database and broker answer.
pub async fn find(
    runtime: Runtime,
    consumer: Arc<StreamConsumer<Listener>>,
    topic: String,
    partition: i32,
) -> Begin {
    let mut failures = 0_u32;
    loop {
        match once(&runtime, &consumer, &topic, partition).await {
            Ok((position, start)) => return Begin { position, start },
            Err(reason) => {
                failures += 1;
                tracing::debug!(
                    service = runtime.service,
                    topic,
                    partition,
                    reason,
                    "cannot begin to read yet"
                );
                tokio::time::sleep(runtime.settings.backoff().after(failures, 1.0)).await;
            }
        }
    }
}

async fn once(
    runtime: &Runtime,
    consumer: &Arc<StreamConsumer<Listener>>,
    topic: &str,
    partition: i32,
) -> Result<(Position, Start), String> {
    let (asked, name) = (consumer.clone(), topic.to_owned());
    let ends =
        tokio::task::spawn_blocking(move || asked.fetch_watermarks(&name, partition, BROKER_TIMEOUT)).await;
    let (low, high) = ends.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let bare = runtime.settings.bare(topic).unwrap_or(topic);
    let loaded = async {
        let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
        position::load_or_begin(&mut connection, bare, partition, low).await
    };
    let position = loaded.await.map_err(|error| chain(&error))?;
    Ok((position, start(&position, low, high)))
}
