//! One partition of the log, read and decoded by a task of its own.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use kernel::Event;
use rdkafka::consumer::DefaultConsumerContext;
use rdkafka::consumer::StreamConsumer;
use rdkafka::consumer::stream_consumer::StreamPartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Entry, LogError, Span};
use crate::core::record::Raw;
use crate::kafka::wire::{copy, decode};
use crate::registry::Registry;

type Queue = StreamPartitionQueue<DefaultConsumerContext>;
pub(super) type Sent<E> = Result<Vec<Entry<E>>, LogError>;

/// Records that are handed on together, and how often that is held for one partition.
const CHUNK_RECORDS: usize = 64;
pub(super) const CHUNKS_MAX: usize = 4;
/// A broker that restarts, a transaction whose owner died: longer than either takes.
const STALLED_AFTER: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_millis(200);

/// Begins to read `span`; the task ends with it, or with its receiver.
pub(super) fn spawn<E: Event>(
    span: Span,
    consumer: Arc<StreamConsumer>,
    queue: Option<Queue>,
    registry: Arc<Registry>,
    sender: mpsc::Sender<Sent<E>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let _kept = consumer;
        let Some(queue) = queue else { return };
        if let Err(error) = read(span, &queue, &registry, &sender).await {
            let _gone = sender.send(Err(error)).await;
        }
    })
}

/// A client whose partitions have queues of their own still has to be asked, or it does nothing. All its records go to these
/// queues; one that does not would be missing there.
pub(super) fn poll<E: Event>(
    consumer: Arc<StreamConsumer>,
    sender: mpsc::WeakSender<Sent<E>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            match consumer.recv().await {
                Ok(message) => {
                    let astray = Err(LogError::Astray(message.offset()));
                    if let Some(sender) = sender.upgrade() {
                        let _gone = sender.send(astray).await;
                    }
                }
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    })
}

async fn read<E: Event>(
    span: Span,
    queue: &Queue,
    registry: &Registry,
    sender: &mpsc::Sender<Sent<E>>,
) -> Result<(), LogError> {
    let mut chunk = Vec::with_capacity(CHUNK_RECORDS);
    loop {
        // What is at hand is taken together; who waits for more first hands on what there is.
        let received = if chunk.is_empty() {
            tokio::time::timeout(STALLED_AFTER, queue.recv())
                .await
                .map_err(|_| stalled(span, "the brokers"))?
        } else {
            let Some(received) = queue.recv().now_or_never() else {
                if sender.send(Ok(std::mem::take(&mut chunk))).await.is_err() {
                    return Ok(());
                }
                continue;
            };
            received
        };
        let over = match received {
            Ok(message) => {
                let raw = copy(&message);
                drop(message);
                let over = raw.offset + 1 >= span.end;
                if raw.offset < span.end {
                    chunk.push(entry(span, raw, registry).await?);
                }
                over
            }
            Err(KafkaError::PartitionEOF(_)) => true, // behind the last record there may be marks of transactions
            Err(source) => {
                let Span { topic, partition, .. } = span;
                return Err(LogError::Read { topic, partition, source: Box::new(source) });
            }
        };
        if over {
            let _gone = sender.send(Ok(chunk)).await;
            return Ok(());
        }
        if chunk.len() == CHUNK_RECORDS && sender.send(Ok(std::mem::take(&mut chunk))).await.is_err() {
            return Ok(());
        }
    }
}

async fn entry<E: Event>(span: Span, raw: Raw, registry: &Registry) -> Result<Entry<E>, LogError> {
    let begun = tokio::time::Instant::now();
    let content = loop {
        match decode::<E>(registry, span.topic, &raw).await {
            Ok(record) => break record.content,
            Err(error) if begun.elapsed() > STALLED_AFTER => return Err(stalled(span, &error.to_string())),
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    };
    Ok(Entry {
        topic: span.topic,
        partition: span.partition,
        offset: raw.offset,
        id: raw.event_id(),
        time: raw.time(),
        key: raw.key.and_then(|key| String::from_utf8(key).ok()),
        content,
    })
}

fn stalled(span: Span, why: &str) -> LogError {
    let Span { topic, partition, .. } = span;
    LogError::Stalled { topic, partition, within: STALLED_AFTER, why: why.to_owned() }
}
