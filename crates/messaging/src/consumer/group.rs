//! The member of the consumer group: answers rebalances, hands records to their partitions, pauses those that are full.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc::{self, UnboundedReceiver, error::TrySendError};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::lag::{Lags, Mark};
use super::membership::Membership;
use super::partition::{self, Ended};
use super::refused::{At, Refused, name};
use super::start::{Begin, TOPICS, find, until_all_exist};
use crate::core::consumer::{Position, Start};
use crate::core::panic;
use crate::core::record::Raw;
use crate::kafka::client::{Listener, Rebalance};
use crate::kafka::wire;
use crate::{Handler, Part, Repository, metrics};

type Told = (At, Ended);

struct Reading {
    records: mpsc::Sender<Raw>,
    mark: Mark,
    verified: Arc<AtomicBool>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// What did not fit when the partition was paused.
    overflow: Vec<Raw>,
    committed: i64,
}

/// One member of the group.
pub struct Group<H: Handler, R> {
    shared: Arc<Shared<H, R>>,
    consumer: Arc<StreamConsumer<Listener>>,
    rebalances: UnboundedReceiver<Rebalance>,
    lags: Arc<Lags>,
    reading: HashMap<At, Reading>,
    /// Given to us, and where to begin is being found out.
    beginning: HashMap<At, JoinHandle<Begin>>,
    /// Given to us, but cannot be read, or is not what we read before; looked at again from time to time.
    refused: Refused,
    /// Tells of topics that do not exist.
    missing: Option<JoinHandle<()>>,
    membership: Membership,
    drained: FuturesUnordered<Pin<Box<dyn Future<Output = At> + Send>>>,
    ended: (mpsc::Sender<Told>, mpsc::Receiver<Told>),
}

const COMMIT_EVERY: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(10);
const REFUSED_EVERY: Duration = Duration::from_secs(5);
/// Batches under way may take this long to finish; then they are rolled back, and redone by whoever reads next.
const STOP_WITHIN: Duration = Duration::from_millis(2_500);

impl<H: Handler, R: Repository<H>> Group<H, R> {
    /// A member that has nothing yet.
    pub fn new(
        shared: Arc<Shared<H, R>>,
        consumer: Arc<StreamConsumer<Listener>>,
        rebalances: UnboundedReceiver<Rebalance>,
        lags: Arc<Lags>,
    ) -> Self {
        Self {
            refused: Refused::none(shared.runtime.clone()),
            shared,
            consumer,
            rebalances,
            lags,
            reading: HashMap::new(),
            beginning: HashMap::new(),
            missing: None,
            membership: Membership::Unknown,
            drained: FuturesUnordered::new(),
            ended: mpsc::channel(1_000),
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
                known = self.membership.known() => self.membership = known,
                (at, found) = begun(&mut self.beginning) => self.begin(at, found),
                Some(at) = self.drained.next() => self.resume(&at),
                Some((at, ended)) = self.ended.1.recv() => self.begin_again(at, ended).await,
                _ = commit.tick() => self.commit(),
                _ = look_again.tick() => self.look_at_refused(),
                message = consumer.recv() => match message {
                    Ok(message) => {
                        let at = (message.topic().to_owned(), message.partition());
                        self.hand_over(&at, wire::copy(&message));
                    }
                    Err(error) => if !self.survives(&error).await { break },
                },
            }
        }
        self.beginning.values().for_each(JoinHandle::abort); // they hold the client
        self.missing.iter().for_each(JoinHandle::abort);
        self.shared.runtime.report(Part::Consumer, TOPICS, None);
        let all: Vec<At> = self.reading.keys().cloned().collect();
        self.commit_after_stop(all).await;
    }

    async fn rebalance(&mut self, rebalance: Rebalance) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                metrics::count(metrics::REBALANCES, self.shared.runtime.service, 1);
                self.membership = Membership::joined(&self.shared.runtime);
                // Answered at once with nothing: each partition is assigned when its place in the log is known.
                self.report(self.consumer.incremental_assign(&TopicPartitionList::new()));
                for at in partitions {
                    self.find_begin(at);
                }
            }
            Rebalance::Revoke(partitions) => self.give_up(partitions).await,
            Rebalance::Lose(partitions) => {
                self.membership =
                    std::mem::replace(&mut self.membership, Membership::Unknown).lost(&self.shared.runtime);
                self.give_up(partitions).await;
            }
        }
    }

    async fn give_up(&mut self, partitions: Vec<At>) {
        for at in &partitions {
            if let Some(task) = self.beginning.remove(at) {
                task.abort();
            }
            self.refused.remove(at);
        }
        self.commit_after_stop(partitions).await;
    }

    fn find_begin(&mut self, at: At) {
        let found = find(self.shared.runtime.clone(), self.consumer.clone(), at.0.clone(), at.1);
        self.beginning.insert(at, tokio::spawn(found));
    }

    fn begin(&mut self, at: At, found: Result<Begin, JoinError>) {
        match found {
            Ok(Begin { position, start: Start::From(offset), replay_to }) => {
                let mut list = TopicPartitionList::new();
                self.report(list.add_partition_offset(&at.0, at.1, Offset::Offset(offset)));
                self.spawn(at, position, replay_to);
                self.report(self.consumer.incremental_assign(&list));
            }
            Ok(Begin { start: Start::Refuse(reason), .. }) => self.refused.add(at, reason),
            Err(panicked) => self.refused.add(at, panicked.to_string()),
        }
    }

    fn look_at_refused(&mut self) {
        for at in self.refused.all() {
            match self.reading.get(&at) {
                Some(reading) if reading.verified.load(Ordering::Relaxed) => self.refused.remove(&at),
                None if !self.beginning.contains_key(&at) => self.find_begin(at),
                _ => {} // being looked at
            }
        }
    }

    fn spawn(&mut self, at: At, position: Position, replay_to: i64) {
        let (records, queue) = mpsc::channel(self.shared.runtime.settings.queue_records_max);
        let stop = CancellationToken::new();
        let mark = Mark::at(position.next_offset);
        self.lags.begin(at.clone(), mark.clone());
        let verified = Arc::new(AtomicBool::new(position.last_event_id.is_none()));
        let task = partition::Task {
            shared: self.shared.clone(),
            name: name(&at),
            topic: self.shared.runtime.settings.bare(&at.0).unwrap_or(&at.0).to_owned(),
            partition: at.1,
            position,
            replay_to,
            queue,
            progress: mark.handled.clone(),
            verified: verified.clone(),
            stop: stop.clone(),
        };
        let (tell, here) = (self.ended.0.clone(), at.clone());
        let task = tokio::spawn(async move {
            let ended = AssertUnwindSafe(task.run()).catch_unwind().await;
            let ended = ended.unwrap_or_else(|panic| {
                Ended::Refused(format!("reading it panicked: {}", panic::said(&*panic)))
            });
            if ended != Ended::Stopped {
                let _ = tell.send((here, ended)).await;
            }
        });
        let (overflow, committed) = (Vec::new(), position.next_offset);
        self.reading.insert(at, Reading { records, mark, verified, stop, task, overflow, committed });
    }

    fn hand_over(&mut self, at: &At, raw: Raw) {
        let Some(reading) = self.reading.get_mut(at) else { return };
        reading.mark.had.fetch_max(raw.offset + 1, Ordering::Relaxed);
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

    /// The partition's task ended without being told to: from the database, again, at once or later.
    async fn begin_again(&mut self, at: At, ended: Ended) {
        if !self.reading.contains_key(&at) {
            return;
        }
        self.stop(std::slice::from_ref(&at)).await;
        match ended {
            Ended::Refused(reason) => self.refused.add(at, reason),
            Ended::Lost | Ended::Stopped => self.find_begin(at),
        }
    }

    async fn commit_after_stop(&mut self, partitions: Vec<At>) {
        for at in &partitions {
            if let Some(reading) = self.reading.get(at) {
                reading.stop.cancel();
            }
        }
        let end = Instant::now() + STOP_WITHIN;
        for at in &partitions {
            if let Some(reading) = self.reading.get_mut(at)
                && timeout_at(end, &mut reading.task).await.is_err()
            {
                reading.task.abort();
            }
        }
        self.commit();
        self.stop(&partitions).await;
    }

    /// Lets the batches under way finish, then gives the partitions up. Also answers the revocation when there are none.
    async fn stop(&mut self, partitions: &[At]) {
        let (mut assigned, mut paused) = (Vec::new(), Vec::new());
        for at in partitions {
            let Some(reading) = self.reading.remove(at) else { continue };
            if !reading.overflow.is_empty() {
                paused.push(at.clone());
            }
            reading.stop.cancel();
            if !reading.task.is_finished() {
                let _ = reading.task.await;
            }
            let runtime = &self.shared.runtime;
            for part in [Part::Consumer, Part::Registry] {
                runtime.report(part, &name(at), None); // whoever reads it next will say how it is
            }
            self.lags.end(runtime.service, &runtime.settings, at);
            assigned.push(at.clone());
        }
        // The client remembers a pause beyond the assignment: should the partition come back, nothing of it would.
        self.report(self.consumer.resume(&list(&paused)));
        self.report(self.consumer.incremental_unassign(&list(&assigned)));
    }

    /// Kafka's own committed offset follows, for lag tools; nothing is ever read from it.
    fn commit(&mut self) {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), reading) in &mut self.reading {
            let next = reading.mark.handled.load(Ordering::Relaxed);
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
                let _ = self.ended.0.try_send((at.clone(), Ended::Lost));
            }
        }
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownTopicOrPartition)
            && self.missing.as_ref().is_none_or(JoinHandle::is_finished)
        {
            let (consumer, topics) = (self.consumer.clone(), self.shared.handler.topics());
            self.missing = Some(tokio::spawn(until_all_exist(runtime.clone(), consumer, topics)));
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
async fn begun(beginning: &mut HashMap<At, JoinHandle<Begin>>) -> (At, Result<Begin, JoinError>) {
    let next = std::future::poll_fn(|context| {
        for (at, task) in beginning.iter_mut() {
            if let std::task::Poll::Ready(done) = Pin::new(task).poll(context) {
                return std::task::Poll::Ready((at.clone(), done));
            }
        }
        std::task::Poll::Pending
    });
    let found = next.await;
    beginning.remove(&found.0);
    found
}
