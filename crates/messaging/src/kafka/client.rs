//! Clients with the settings delivery depends on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::FutureProducer;
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, ClientContext};
use tokio::sync::mpsc::UnboundedSender;

use super::health::ClientHealth;
use crate::consumer::lag::Lags;
use crate::{Part, Runtime, Settings};

/// Partitions given or taken by the group.
#[derive(Debug)]
pub enum Rebalance {
    /// To be read from now on.
    Assign(Vec<(String, i32)>),
    /// Not to be read any more.
    Revoke(Vec<(String, i32)>),
    /// Not to be read any more: the group did not hear from this member in time, or the member not from the group.
    Lose(Vec<(String, i32)>),
}

/// What clients report is known under this name: the next one takes back what a dead one said.
pub const CLIENT: &str = "client";

/// Hears the client: reports the broker's state, hands rebalances to the async side, writes logs through tracing.
pub struct Listener {
    runtime: Runtime,
    part: Part,
    rebalances: Option<UnboundedSender<Rebalance>>,
    closing: Arc<AtomicBool>,
    brokers_up: AtomicI64,
    lags: Arc<Lags>,
    health: ClientHealth,
}

impl Listener {
    /// For a producer, which is measured as `client`.
    pub fn relay(runtime: Runtime, client: &'static str) -> Self {
        Self {
            health: ClientHealth::new(runtime.service, client),
            runtime,
            part: Part::Relay,
            rebalances: None,
            closing: Arc::default(),
            brokers_up: AtomicI64::new(-1),
            lags: Arc::default(),
        }
    }

    /// For a consumer; while `closing`, revocations are answered on the spot.
    pub fn consumer(
        runtime: Runtime,
        rebalances: UnboundedSender<Rebalance>,
        closing: Arc<AtomicBool>,
        lags: Arc<Lags>,
    ) -> Self {
        Self {
            health: ClientHealth::new(runtime.service, "consumer"),
            runtime,
            part: Part::Consumer,
            rebalances: Some(rebalances),
            closing,
            brokers_up: AtomicI64::new(-1),
            lags,
        }
    }
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // librdkafka repeats itself every second while a broker is away: the state is reported once, by `stats`.
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(service = self.runtime.service, facility, "kafka client: {message}");
            }
            _ => tracing::debug!(service = self.runtime.service, facility, "kafka client: {message}"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        let up = i64::try_from(statistics.brokers.values().filter(|broker| broker.state == "UP").count())
            .unwrap_or(0);
        let before = self.brokers_up.swap(up, Ordering::Relaxed);
        self.runtime.report(self.part, CLIENT, (up == 0).then_some("no broker answers"));
        if (up == 0) != (before == 0) {
            tracing::debug!(
                service = self.runtime.service,
                part = self.part.name(),
                brokers_up = up,
                "kafka changed"
            );
        }
        self.health.measure(&statistics, up);
        self.lags.measure(self.runtime.service, &self.runtime.settings, &statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.runtime.report(self.part, CLIENT, Some("no broker answers"));
        }
        tracing::debug!(service = self.runtime.service, %error, reason, "kafka client");
    }
}

impl ConsumerContext for Listener {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let list = partitions.elements().iter().map(|p| (p.topic().to_owned(), p.partition())).collect();
        let revoke = code != RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            if revoke {
                let _ = consumer.incremental_unassign(partitions); // nobody listens any more
            }
            return;
        }
        let rebalance = match revoke {
            true if consumer.assignment_lost() => Rebalance::Lose(list),
            true => Rebalance::Revoke(list),
            false => Rebalance::Assign(list),
        };
        if let Some(rebalances) = &self.rebalances {
            let _ = rebalances.send(rebalance);
        }
    }
}

/// Longest for the answer to a request: many times what a broker takes that is alive, and less than a transaction lives.
const SOCKET_TIMEOUT_MS: &str = "9000";

fn base(settings: &Settings, client: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.kafka_bootstrap)
        .set("client.id", client)
        .set("broker.address.family", "v4")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("socket.keepalive.enable", "true")
        // A broker, or the way to it, that neither answers nor hangs up: a minute, the default, is a minute in which nothing moves.
        .set("socket.timeout.ms", SOCKET_TIMEOUT_MS)
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("statistics.interval.ms", "1000");
    config
}

/// Reads the service's topics. No automatic offset reset, no automatic commit: the position is in the database.
pub fn consumer(
    runtime: &Runtime,
    rebalances: UnboundedSender<Rebalance>,
    closing: Arc<AtomicBool>,
    lags: Arc<Lags>,
) -> KafkaResult<StreamConsumer<Listener>> {
    let settings = &runtime.settings;
    let mut config = base(settings, &runtime.instance);
    config
        .set("group.id", settings.topic(runtime.service))
        .set("group.protocol", &settings.group_protocol)
        .set("auto.offset.reset", "error")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "500")
        .set("fetch.error.backoff.ms", "50")
        .set("queued.min.messages", "2000")
        .set("queued.max.messages.kbytes", "4096")
        .set("max.poll.interval.ms", "300000");
    if settings.group_protocol == "classic" {
        config
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", settings.session_timeout_ms.to_string())
            .set("heartbeat.interval.ms", (settings.session_timeout_ms / 4).to_string());
    }
    let listener = Listener::consumer(runtime.clone(), rebalances, closing, lags);
    StreamConsumer::from_config_and_context(&config, listener)
}

/// Publishes ordinary topics: idempotent, `acks=all`, and no local time-out, so that a record is never overtaken by a
/// later one of its key.
pub fn producer(runtime: &Runtime) -> KafkaResult<FutureProducer<Listener>> {
    let mut config = base(&runtime.settings, &runtime.instance);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", "0")
        .set("linger.ms", "1")
        .set("queue.buffering.max.messages", "100000")
        .set("topic.metadata.propagation.max.ms", "5000");
    FutureProducer::from_config_and_context(&config, Listener::relay(runtime.clone(), "relay"))
}

/// Publishes compacted topics, where a late repeat would win for ever: the broker fences whoever had the id before.
pub fn fenced_producer(runtime: &Runtime) -> KafkaResult<FutureProducer<Listener>> {
    let mut config = base(&runtime.settings, &runtime.instance);
    config
        .set("transactional.id", format!("{}.compacted", runtime.settings.topic(runtime.service)))
        .set("acks", "all")
        .set("transaction.timeout.ms", "10000")
        .set("message.timeout.ms", "8000")
        .set("linger.ms", "1");
    FutureProducer::from_config_and_context(&config, Listener::relay(runtime.clone(), "compacted"))
}
