//! The member of the consumer group: answers rebalances, hands records to their partitions, pauses those that are full.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc::{self, UnboundedReceiver, error::TrySendError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::partition::{self, Ended};
use super::start::{Begin, find};
use crate::core::consumer::Start;
use crate::kafka::client::{Listener, Rebalance};
use crate::kafka::wire::Raw;
use crate::{Handler, Part, Repository};

type At = (String, i32);

struct Reading {
    records: mpsc::Sender<Raw>,
    progress: Arc<AtomicI64>,
    stop: CancellationToken,
    task: JoinHandle<Ended>,
    /// What did not fit when the partition was paused.
    overflow: Vec<Raw>,
    committed: i64,
}

/// One member of the group.
pub struct Group<H, R> {
    shared: Arc<Shared<H, R>>,
    consumer: Arc<StreamConsumer<Listener>>,
    rebalances: UnboundedReceiver<Rebalance>,
    reading: HashMap<At, Reading>,
    /// Given to us, and where to begin is being found out.
    beginning: HashMap<At, JoinHandle<Begin>>,
    /// Given to us, but not what we read before; looked at again from time to time.
    refused: HashMap<At, String>,
    drained: FuturesUnordered<Pin<Box<dyn Future<Output = At> + Send>>>,
    restart: (mpsc::Sender<At>, mpsc::Receiver<At>),
}

const COMMIT_EVERY: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(10);
const REFUSED_EVERY: Duration = Duration::from_secs(5);

impl<H: Handler, R: Repository<H>> Group<H, R> {
    /// A member that has nothing yet.
    pub fn new(
        shared: Arc<Shared<H, R>>,
        consumer: Arc<StreamConsumer<Listener>>,
        rebalances: UnboundedReceiver<Rebalance>,
    ) -> Self {
        Self {
            shared,
            consumer,
            rebalances,
            reading: HashMap::new(),
            beginning: HashMap::new(),
            refused: HashMap::new(),
            drained: FuturesUnordered::new(),
            restart: mpsc::channel(1_000),
        }
    }

    /// Runs until `shutdown`, or until the client is dead and another one is needed.
    pub async fn run(mut self, shutdown: &CancellationToken) {
        let consumer = self.consumer.clone();
        let mut commit = tokio::time::interval(COMMIT_EVERY);
        let mut look_again = tokio::time::interval(REFUSED_EVERY);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(rebalance) = self.rebalances.recv() => self.rebalance(rebalance).await,
                begin = begun(&mut self.beginning) => self.begin(&begin),
                Some(at) = self.drained.next() => self.resume(&at),
                Some(at) = self.restart.1.recv() => self.begin_again(at).await,
                _ = commit.tick() => self.commit(),
                _ = look_again.tick() => self.look_at_refused(),
                message = consumer.recv() => match message {
                    Ok(message) => {
                        let at = (message.topic().to_owned(), message.partition());
                        self.hand_over(&at, Raw::copy(&message));
                    }
                    Err(error) => if !self.survives(&error).await { break },
                },
            }
        }
        let all: Vec<At> = self.reading.keys().cloned().collect();
        self.commit_after_stop(all).await;
    }

    async fn rebalance(&mut self, rebalance: Rebalance) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                // Answered at once with nothing: each partition is assigned when its place in the log is known.
                self.report(self.consumer.incremental_assign(&TopicPartitionList::new()));
                for at in partitions {
                    self.find_begin(at);
                }
            }
            Rebalance::Revoke(partitions) => {
                for at in &partitions {
                    if let Some(task) = self.beginning.remove(at) {
                        task.abort();
                    }
                    self.refused.remove(at);
                }
                self.commit_after_stop(partitions).await;
            }
        }
    }

    fn find_begin(&mut self, at: At) {
        let found = find(self.shared.runtime.clone(), self.consumer.clone(), at.0.clone(), at.1);
        self.beginning.insert(at, tokio::spawn(found));
    }

    fn begin(&mut self, begin: &Begin) {
        let at = (begin.topic.clone(), begin.partition);
        match &begin.start {
            Start::From(offset) => {
                let mut list = TopicPartitionList::new();
                self.report(list.add_partition_offset(&at.0, at.1, Offset::Offset(*offset)));
                if self.refused.remove(&at).is_some() {
                    self.report_refused();
                }
                self.spawn(at, begin);
                self.report(self.consumer.incremental_assign(&list));
            }
            Start::Refuse(reason) => {
                tracing::error!(
                    service = self.shared.runtime.service,
                    topic = at.0,
                    partition = at.1,
                    reason,
                    "refusing to read"
                );
                self.refused.insert(at, reason.clone());
                self.report_refused();
            }
        }
    }

    fn report_refused(&self) {
        let first = self
            .refused
            .iter()
            .min()
            .map(|((topic, partition), reason)| format!("{topic}/{partition}: {reason}"));
        self.shared.runtime.status.set(Part::Consumer, first.as_deref());
    }

    fn look_at_refused(&mut self) {
        let again: Vec<At> =
            self.refused.keys().filter(|at| !self.beginning.contains_key(*at)).cloned().collect();
        for at in again {
            self.find_begin(at);
        }
    }

    fn spawn(&mut self, at: At, begin: &Begin) {
        let (records, queue) = mpsc::channel(self.shared.runtime.settings.queue_records_max);
        let stop = CancellationToken::new();
        let progress = Arc::new(AtomicI64::new(begin.position.next_offset));
        let task = partition::Task {
            shared: self.shared.clone(),
            topic: self.shared.runtime.settings.bare(&at.0).unwrap_or(&at.0).to_owned(),
            partition: at.1,
            position: begin.position,
            queue,
            progress: progress.clone(),
            stop: stop.clone(),
        };
        let (again, here) = (self.restart.0.clone(), at.clone());
        let task = tokio::spawn(async move {
            let ended = task.run().await;
            if ended == Ended::Lost {
                let _ = again.send(here).await;
            }
            ended
        });
        let committed = begin.position.next_offset;
        self.reading.insert(at, Reading { records, progress, stop, task, overflow: Vec::new(), committed });
    }

    fn hand_over(&mut self, at: &At, raw: Raw) {
        let Some(reading) = self.reading.get_mut(at) else { return };
        if !reading.overflow.is_empty() {
            reading.overflow.push(raw); // fetched before the pause took hold
            return;
        }
        if let Err(TrySendError::Full(raw)) = reading.records.try_send(raw) {
            reading.overflow.push(raw);
            let (records, at) = (reading.records.clone(), at.clone());
            self.report(self.consumer.pause(&list(std::slice::from_ref(&at))));
            self.drained.push(Box::pin(async move {
                let half = records.max_capacity().div_ceil(2);
                drop(records.reserve_many(half).await);
                at
            }));
        }
    }

    fn resume(&mut self, at: &At) {
        let Some(reading) = self.reading.get_mut(at) else { return };
        let waiting = std::mem::take(&mut reading.overflow);
        self.report(self.consumer.resume(&list(std::slice::from_ref(at))));
        for raw in waiting {
            self.hand_over(at, raw);
        }
    }

    /// The partition's task found the position elsewhere, or ended: from the database, again.
    async fn begin_again(&mut self, at: At) {
        if self.reading.contains_key(&at) {
            self.stop(std::slice::from_ref(&at)).await;
            self.find_begin(at);
        }
    }

    async fn commit_after_stop(&mut self, partitions: Vec<At>) {
        for at in &partitions {
            if let Some(reading) = self.reading.get(at) {
                reading.stop.cancel();
            }
        }
        for at in &partitions {
            if let Some(reading) = self.reading.get_mut(at) {
                let _ = (&mut reading.task).await;
            }
        }
        self.commit();
        self.stop(&partitions).await;
    }

    /// Lets the batches under way finish, then gives the partitions up. Also answers the revocation when there are none.
    async fn stop(&mut self, partitions: &[At]) {
        let mut assigned = Vec::new();
        for at in partitions {
            let Some(reading) = self.reading.remove(at) else { continue };
            reading.stop.cancel();
            if !reading.task.is_finished() {
                let _ = reading.task.await;
            }
            assigned.push(at.clone());
        }
        self.report(self.consumer.incremental_unassign(&list(&assigned)));
    }

    /// Kafka's own committed offset follows, for lag tools; nothing is ever read from it.
    fn commit(&mut self) {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), reading) in &mut self.reading {
            let next = reading.progress.load(Ordering::Relaxed);
            if next > reading.committed {
                reading.committed = next;
                let _ = list.add_partition_offset(topic, *partition, Offset::Offset(next));
            }
        }
        if list.count() > 0 {
            self.report(self.consumer.commit(&list, CommitMode::Async));
        }
    }

    /// False when the client cannot go on and a new one is needed.
    async fn survives(&mut self, error: &KafkaError) -> bool {
        let runtime = &self.shared.runtime;
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
            || self.consumer.client().fatal_error().is_some()
        {
            tracing::error!(service = runtime.service, %error, "the consumer is dead; making another one");
            return false;
        }
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
            // The place we read from is gone: find out why, and refuse loudly.
            for at in self.reading.keys() {
                let _ = self.restart.0.try_send(at.clone());
            }
        }
        tracing::debug!(service = runtime.service, %error, "kafka");
        tokio::time::sleep(TICK).await; // errors come in bursts
        true
    }

    fn report(&self, result: Result<(), KafkaError>) {
        if let Err(error) = result {
            tracing::debug!(service = self.shared.runtime.service, %error, "kafka did not take an instruction");
        }
    }
}

fn list(partitions: &[At]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

/// Resolves with the next partition whose beginning is known; never when none is looked for.
async fn begun(beginning: &mut HashMap<At, JoinHandle<Begin>>) -> Begin {
    let next = std::future::poll_fn(|context| {
        for (at, task) in beginning.iter_mut() {
            if let std::task::Poll::Ready(done) = Pin::new(task).poll(context) {
                return std::task::Poll::Ready((at.clone(), done));
            }
        }
        std::task::Poll::Pending
    });
    let (at, done) = next.await;
    beginning.remove(&at);
    match done {
        Ok(begin) => begin,
        Err(_) => std::future::pending().await, // aborted by a revocation
    }
}
