//! How a client of Kafka is, by its own statistics: told every second, for `/metrics`.

use std::sync::{Mutex, PoisonError};

use metrics::{counter, describe_counter, describe_gauge, gauge};
use rdkafka::statistics::{Broker, Statistics};

const BROKERS_UP: &str = "kafka_client_brokers_up";
const QUEUE: &str = "kafka_client_queue_records";
const ROUND_TRIP: &str = "kafka_client_round_trip_seconds";
const FAILURES: &str = "kafka_client_request_failures_total";
const DISCONNECTS: &str = "kafka_client_disconnects_total";

/// One client of a service, under the name its metrics bear. Gone with the client.
#[derive(Debug)]
pub struct ClientHealth {
    service: &'static str,
    client: &'static str,
    /// What the client had counted when it was heard last: its counts begin anew with it, ours go on.
    counted: Mutex<Counts>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    timeouts: u64,
    errors: u64,
    disconnects: u64,
}

impl ClientHealth {
    /// A client that has not been heard yet.
    pub fn new(service: &'static str, client: &'static str) -> Self {
        describe_gauge!(BROKERS_UP, "Brokers the client is connected to.");
        describe_gauge!(QUEUE, "Records that wait in the client, to be sent or to be handled.");
        describe_gauge!(ROUND_TRIP, "Mean time a broker takes to answer, the slowest of all.");
        describe_counter!(FAILURES, "Requests to brokers that failed.");
        describe_counter!(DISCONNECTS, "Connections to brokers that ended.");
        let health = Self { service, client, counted: Mutex::default() };
        health.add(Counts::default(), Counts::default());
        health.set(0.0, 0.0);
        gauge!(ROUND_TRIP, "service" => service, "client" => client).set(0.0);
        health
    }

    /// Takes in what the client says of itself; `brokers_up` is counted by who is told.
    pub fn measure(&self, statistics: &Statistics, brokers_up: i64) {
        let fetched = statistics.topics.values().flat_map(|topic| topic.partitions.values());
        let fetched: i64 = fetched.map(|partition| partition.fetchq_cnt.max(0)).sum();
        let queued = i64::try_from(statistics.msg_cnt).unwrap_or(i64::MAX).saturating_add(fetched);
        self.set(float(brokers_up), float(queued));
        let round_trip = statistics.brokers.values().filter_map(|broker| broker.rtt.as_ref()?.avg.into());
        if let Some(slowest) = round_trip.max() {
            gauge!(ROUND_TRIP, "service" => self.service, "client" => self.client)
                .set(float(slowest) / 1_000_000.0);
        }
        let now = statistics.brokers.values().fold(Counts::default(), Counts::and);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        self.add(*counted, now);
        *counted = now;
    }

    fn set(&self, brokers_up: f64, queued: f64) {
        let (service, client) = (self.service, self.client);
        gauge!(BROKERS_UP, "service" => service, "client" => client).set(brokers_up);
        gauge!(QUEUE, "service" => service, "client" => client).set(queued);
    }

    fn add(&self, before: Counts, now: Counts) {
        let (service, client) = (self.service, self.client);
        let failures = |kind: &'static str, before: u64, now: u64| {
            counter!(FAILURES, "service" => service, "client" => client, "kind" => kind)
                .increment(now.saturating_sub(before));
        };
        failures("timeout", before.timeouts, now.timeouts);
        failures("error", before.errors, now.errors);
        counter!(DISCONNECTS, "service" => service, "client" => client)
            .increment(now.disconnects.saturating_sub(before.disconnects));
    }
}

impl Drop for ClientHealth {
    fn drop(&mut self) {
        self.set(0.0, 0.0);
    }
}

impl Counts {
    fn and(self, broker: &Broker) -> Self {
        Self {
            timeouts: self.timeouts.saturating_add(broker.req_timeouts),
            errors: self.errors.saturating_add(broker.txerrs).saturating_add(broker.rxerrs),
            disconnects: self
                .disconnects
                .saturating_add(broker.disconnects.and_then(|count| count.try_into().ok()).unwrap_or(0)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge needs no more than 52 bits")]
fn float(value: i64) -> f64 {
    value as f64
}
