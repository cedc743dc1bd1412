//! How far a service has read, over all its instances.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::core::chain;
use crate::postgres::position;
use crate::{Runtime, StoreError};

const BROKER_TIMEOUT: Duration = Duration::from_secs(5);

/// Resolves when the service has read `topics` up to the end they have now; or after `max_wait`; or at `shutdown`.
/// For topics that are not compacted: the end of a compacted one may be a marker that no reader ever sees.
pub async fn wait_until_read(
    runtime: &Runtime,
    topics: &[&str],
    max_wait: Duration,
    shutdown: &CancellationToken,
) {
    let wait = async {
        let ends = loop {
            match ends(runtime, topics).await {
                Ok(ends) => break ends,
                Err(reason) => {
                    tracing::debug!(service = runtime.service, reason, "the end of the log is not known yet");
                }
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        while !in_time(reached(runtime, &ends)).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let _ = shutdown.run_until_cancelled(tokio::time::timeout_at(Instant::now() + max_wait, wait)).await;
}

type Ends = HashMap<(String, i32), i64>;

async fn ends(runtime: &Runtime, topics: &[&str]) -> Result<Ends, String> {
    let topics: Vec<(String, String)> =
        topics.iter().map(|topic| ((*topic).to_owned(), runtime.settings.topic(topic))).collect();
    let bootstrap = runtime.settings.kafka_bootstrap.clone();
    let asked = tokio::task::spawn_blocking(move || ask(&bootstrap, &topics)).await;
    asked.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

fn ask(bootstrap: &str, topics: &[(String, String)]) -> Result<Ends, KafkaError> {
    let client: BaseConsumer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("broker.address.family", "v4")
        .create()?;
    let mut ends = HashMap::new();
    for (bare, topic) in topics {
        let metadata = client.fetch_metadata(Some(topic), BROKER_TIMEOUT)?;
        for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
            let (_, high) = client.fetch_watermarks(topic, partition.id(), BROKER_TIMEOUT)?;
            if high > 0 {
                ends.insert((bare.clone(), partition.id()), high);
            }
        }
    }
    Ok(ends)
}

/// A database that does not answer in time has not said so.
async fn in_time(reached: impl Future<Output = Result<bool, String>>) -> bool {
    tokio::time::timeout(BROKER_TIMEOUT, reached).await.is_ok_and(|reached| reached.unwrap_or(false))
}

async fn reached(runtime: &Runtime, ends: &Ends) -> Result<bool, String> {
    let mut connection =
        runtime.pool.acquire().await.map_err(StoreError::doing("connect")).map_err(|error| chain(&error))?;
    let mut by_topic: HashMap<&str, HashMap<i32, i64>> = HashMap::new();
    for ((topic, partition), end) in ends {
        if !by_topic.contains_key(topic.as_str()) {
            let positions =
                position::of_topic(&mut connection, topic).await.map_err(|error| chain(&error))?;
            by_topic.insert(topic, positions);
        }
        if by_topic[topic.as_str()].get(partition).is_none_or(|next| next < end) {
            return Ok(false);
        }
    }
    Ok(true)
}
