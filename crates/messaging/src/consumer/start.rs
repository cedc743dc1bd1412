//! Where a partition is read from: the position in the database, compared with what the broker has.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;

use crate::core::chain;
use crate::core::consumer::{Position, Start, start};
use crate::kafka::client::Listener;
use crate::postgres::{position, replay};
use crate::{Part, Runtime, StoreError};

/// What missing topics are reported by.
pub const TOPICS: &str = "topics";
const LOOK_EVERY: Duration = Duration::from_secs(1);
const BROKER_TIMEOUT: Duration = Duration::from_secs(2);

/// A partition that may be read.
#[derive(Clone, Debug)]
pub struct Begin {
    /// The position.
    pub position: Position,
    /// Where to begin, or why not.
    pub start: Start,
    /// Records before it were read before: a replay.
    pub replay_to: i64,
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
            Ok(begin) => return begin,
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

/// Tells of topics that are not there, until all are.
pub async fn until_all_exist(
    runtime: Runtime,
    consumer: Arc<StreamConsumer<Listener>>,
    topics: &'static [&'static str],
) {
    loop {
        let (asked, names) = (consumer.clone(), topics.iter().map(|topic| runtime.settings.topic(topic)));
        let names: Vec<String> = names.collect();
        let found = tokio::task::spawn_blocking(move || missing(&asked, &names)).await;
        // Who cannot be asked is told of by the client.
        if let Ok(Ok(first)) = found {
            let trouble =
                first.map(|topic| format!("the topic {topic} does not exist: run `storectl topics create`"));
            runtime.report(Part::Consumer, TOPICS, trouble.as_deref());
            if trouble.is_none() {
                return;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn missing(consumer: &StreamConsumer<Listener>, names: &[String]) -> Result<Option<String>, KafkaError> {
    for name in names {
        let metadata = consumer.fetch_metadata(Some(name), BROKER_TIMEOUT)?;
        if metadata.topics().iter().all(|topic| topic.partitions().is_empty()) {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

async fn once(
    runtime: &Runtime,
    consumer: &Arc<StreamConsumer<Listener>>,
    topic: &str,
    partition: i32,
) -> Result<Begin, String> {
    let (asked, name) = (consumer.clone(), topic.to_owned());
    let ends =
        tokio::task::spawn_blocking(move || asked.fetch_watermarks(&name, partition, BROKER_TIMEOUT)).await;
    let (low, high) = ends.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let bare = runtime.settings.bare(topic).unwrap_or(topic);
    let loaded = async {
        let mut connection = runtime.pool.acquire().await.map_err(StoreError::doing("connect"))?;
        let position = position::load_or_begin(&mut connection, bare, partition, low).await?;
        Ok((position, replay::replay_to(&mut connection, bare, partition).await?))
    };
    let (position, replay_to) =
        StoreError::in_time("load a position in time", loaded).await.map_err(|error| chain(&error))?;
    Ok(Begin { position, start: start(&position, low, high), replay_to })
}
