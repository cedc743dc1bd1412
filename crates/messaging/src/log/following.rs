//! Follows topics from now on without being anybody: no group, no position, no effect. For tools and stories.

use std::time::Duration;

use kernel::Event;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::{Log, LogError, nobody};
use crate::core::batch::Content;
use crate::kafka::wire::{copy, decode};
use crate::registry::Registry;
use crate::{Received, Settings};

/// A record as it stands in the log.
#[derive(Clone, Debug)]
pub struct Tailed<E> {
    /// Topic without prefix.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// `ce_source` without its prefix: the service that wrote it.
    pub service: String,
    /// The event, or why it is none.
    pub event: Result<Box<Received<E>>, String>,
}

const QUEUE_RECORDS_MAX: usize = 1_000;
const RETRY: Duration = Duration::from_millis(200);

impl Log {
    /// Follows `topics` from the first record that is written after this call returns, until the receiver is dropped. Records of
    /// one partition come in order.
    pub async fn follow<E: Event>(
        &self,
        topics: &[&'static str],
    ) -> Result<mpsc::Receiver<Tailed<E>>, LogError> {
        let mut list = TopicPartitionList::new();
        for extent in self.extents(topics).await? {
            // Not `Offset::End`, which means the end at some time after this.
            let (topic, from) = (self.settings.topic(extent.topic), Offset::Offset(extent.end));
            list.add_partition_offset(&topic, extent.partition, from).map_err(self.no_client())?;
        }
        // It is for ever at the end, and where that is lost it goes on with what comes.
        let mut config = nobody(&self.settings);
        config.set("enable.partition.eof", "false").set("auto.offset.reset", "latest");
        let consumer: StreamConsumer = config.create().map_err(self.no_client())?;
        consumer.assign(&list).map_err(self.no_client())?;
        let (sender, receiver) = mpsc::channel(QUEUE_RECORDS_MAX);
        tokio::spawn(follow(self.settings.clone(), consumer, self.registry.clone(), sender));
        Ok(receiver)
    }
}

async fn follow<E: Event>(
    settings: Settings,
    consumer: StreamConsumer,
    registry: std::sync::Arc<Registry>,
    sender: mpsc::Sender<Tailed<E>>,
) {
    loop {
        let message = tokio::select! {
            () = sender.closed() => return,
            message = consumer.recv() => message,
        };
        let Ok(message) = message else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let topic = settings.bare(message.topic()).unwrap_or(message.topic()).to_owned();
        let raw = copy(&message);
        let event = loop {
            match decode::<E>(&registry, &topic, &raw).await {
                Ok(record) => break record.content,
                Err(_) if sender.is_closed() => return,
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        };
        let event = match event {
            Content::Event(received) => Ok(received),
            Content::Unknown(name) => Err(format!("an event unknown to this build: {name}")),
            Content::Undecodable(reason) => Err(reason),
        };
        let service = raw.source().to_owned();
        let tailed = Tailed { topic, partition: message.partition(), offset: raw.offset, service, event };
        if sender.send(tailed).await.is_err() {
            return;
        }
    }
}
