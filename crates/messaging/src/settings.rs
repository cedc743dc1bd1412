//! The limits of messaging, each named and configurable.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::core::Backoff;

/// Where Kafka and the registry are, and how much of everything at a time.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Messaging")]
pub struct Settings {
    /// Kafka brokers, host:port, comma separated
    #[arg(long, env = "KAFKA_BOOTSTRAP", default_value = "127.0.0.1:9092", value_parser = bootstrap)]
    pub kafka_bootstrap: String,
    /// Address of the schema registry's Confluent-compatible API
    #[arg(long, env = "REGISTRY_URL", default_value = "http://127.0.0.1:8081/apis/ccompat/v7", value_parser = url)]
    pub registry_url: String,
    /// Put before every topic, group and transactional id (several stores on one cluster)
    #[arg(long, env = "TOPIC_PREFIX", default_value = "", value_parser = prefix)]
    pub topic_prefix: String,
    /// Name of this instance, which it keeps when it is started again and no other has: what it held when it was killed it takes back at once [default: host and port]
    #[arg(long, env = "INSTANCE_NAME", value_parser = instance)]
    pub instance: Option<String>,
    /// Records handled in one transaction at most
    #[arg(long, env = "CONSUMER_BATCH_RECORDS_MAX", default_value_t = 500, value_parser = limit)]
    pub batch_records_max: usize,
    /// Records waiting per partition at most; beyond it the partition pauses
    #[arg(long, env = "CONSUMER_QUEUE_RECORDS_MAX", default_value_t = 500, value_parser = limit)]
    pub queue_records_max: usize,
    /// Tries of a record that fails for a reason that is not an outage, before it is parked
    #[arg(long, env = "CONSUMER_ATTEMPTS_MAX", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub attempts_max: u32,
    /// Largest wait between tries, in milliseconds
    #[arg(long, env = "RETRY_CAP_MS", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub retry_cap_ms: u64,
    /// Kafka group protocol: classic or consumer (KIP-848)
    #[arg(long, env = "KAFKA_GROUP_PROTOCOL", default_value = "classic", value_parser = ["classic", "consumer"])]
    pub group_protocol: String,
    /// After this long without a sign of life a classic group member loses its partitions, in milliseconds
    #[arg(long, env = "KAFKA_SESSION_TIMEOUT_MS", default_value_t = 6_000, value_parser = clap::value_parser!(u32).range(1_000..=300_000))]
    pub session_timeout_ms: u32,
    /// Outbox rows the relay holds in memory at most
    #[arg(long, env = "RELAY_ROWS_MAX", default_value_t = 2_000, value_parser = limit)]
    pub relay_rows_max: usize,
    /// A relay that was not seen for this long loses its shards, in milliseconds
    #[arg(long, env = "RELAY_LEASE_MS", default_value_t = 6_000, value_parser = clap::value_parser!(u64).range(300..=600_000))]
    pub relay_lease_ms: u64,
    /// Longest time a relay or intent worker sleeps when nothing wakes it, in milliseconds
    #[arg(long, env = "POLL_MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(5..=60_000))]
    pub poll_ms: u64,
    /// Calls to the outside at a time
    #[arg(long, env = "INTENT_CALLS_MAX", default_value_t = 128, value_parser = limit)]
    pub intent_calls_max: usize,
    /// An intent whose worker was not heard of for this long is taken over, in milliseconds
    #[arg(long, env = "INTENT_LEASE_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(300..=600_000))]
    pub intent_lease_ms: u64,
    /// Days an event id is remembered by the inbox
    #[arg(long, env = "INBOX_DAYS", default_value_t = 7, value_parser = clap::value_parser!(i32).range(1..=365))]
    pub inbox_days: i32,
    /// How a consumer goes on with the trace of a record: as its parent (one trace an order), or in a trace of its own with a link to it
    #[arg(long, env = "TRACE_MODE", value_enum, default_value_t = TraceMode::Parent)]
    pub trace_mode: TraceMode,
}

/// How a consumer goes on with the trace of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TraceMode {
    /// The sender's span is the parent: one trace an order.
    #[default]
    Parent,
    /// A trace of its own, with a link to the sender's span.
    Link,
}

impl Settings {
    /// The defaults with these two addresses.
    pub fn new(kafka_bootstrap: impl Into<String>, registry_url: impl Into<String>) -> Self {
        Self {
            kafka_bootstrap: kafka_bootstrap.into(),
            registry_url: registry_url.into(),
            topic_prefix: String::new(),
            instance: None,
            batch_records_max: 500,
            queue_records_max: 500,
            attempts_max: 5,
            retry_cap_ms: 2_000,
            group_protocol: "classic".into(),
            session_timeout_ms: 6_000,
            relay_rows_max: 2_000,
            relay_lease_ms: 6_000,
            poll_ms: 500,
            intent_calls_max: 128,
            intent_lease_ms: 10_000,
            inbox_days: 7,
            trace_mode: TraceMode::Parent,
        }
    }

    /// With this name, when none is set.
    #[must_use]
    pub fn of_instance(self, name: Option<String>) -> Self {
        Self { instance: self.instance.or(name), ..self }
    }

    /// The waits between tries of anything.
    pub fn backoff(&self) -> Backoff {
        Backoff { base: Duration::from_millis(50), cap: Duration::from_millis(self.retry_cap_ms) }
    }

    /// A topic as Kafka knows it.
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }

    /// Without the prefix; `None` for a topic of another store.
    pub fn bare<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(self.topic_prefix.as_str())
    }
}

fn bootstrap(text: &str) -> Result<String, String> {
    let well_formed = |broker: &str| {
        broker
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
    };
    if text.split(',').all(well_formed) {
        Ok(text.to_owned())
    } else {
        Err("expected host:port[,host:port…]".into())
    }
}

fn url(text: &str) -> Result<String, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("expected an http(s) address".into()),
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if text.len() <= 100 && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("expected up to 100 of A-Z a-z 0-9 . _ -".into())
    }
}

fn instance(text: &str) -> Result<String, String> {
    match prefix(text) {
        Ok(name) if !name.is_empty() && !name.contains('.') => Ok(name),
        _ => Err("expected 1 to 100 of A-Z a-z 0-9 _ -".into()),
    }
}

fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=100_000) => Ok(number),
        _ => Err("expected 1 to 100000".into()),
    }
}
