//! What messaging measures. Every name is here, once.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use rdkafka::statistics::Statistics;

use crate::Settings;

/// Records read but not handled because the inbox had their event already.
pub const DUPLICATES: &str = "messaging_duplicates_dropped_total";
/// Records parked, by topic and kind.
pub const PARKED: &str = "messaging_records_parked_total";
/// Records of an event unknown to this build, by topic.
pub const UNKNOWN: &str = "messaging_records_unknown_total";
/// Events handled, by topic.
pub const HANDLED: &str = "messaging_events_handled_total";
/// Events the domain ignored, by reason.
pub const IGNORED: &str = "messaging_events_ignored_total";
/// Events whose number in their topic and key is not the next one, by topic.
pub const SEQUENCE_GAPS: &str = "messaging_sequence_gaps_total";
/// Records in one transaction.
pub const BATCH: &str = "messaging_batch_records";
/// From the first statement of a batch to its commit.
pub const BATCH_SECONDS: &str = "messaging_batch_duration_seconds";
/// Tries that failed and were made again, by loop.
pub const RETRIES: &str = "messaging_retries_total";
/// Records that are in the log but not handled yet, by topic and partition.
pub const LAG: &str = "messaging_consumer_lag_records";
/// Unsent rows.
pub const OUTBOX_DEPTH: &str = "messaging_outbox_rows";
/// Age of the oldest unsent row.
pub const OUTBOX_AGE: &str = "messaging_outbox_oldest_age_seconds";
/// From reading a row to the broker's ack.
pub const PUBLISH_SECONDS: &str = "messaging_publish_duration_seconds";
/// Records published.
pub const PUBLISHED: &str = "messaging_records_published_total";
/// Records that could not be published at a try.
pub const PUBLISH_FAILURES: &str = "messaging_publish_failures_total";
/// Dead letters that wait for somebody.
pub const DEAD_LETTERS: &str = "messaging_dead_letters";
/// Calls to the outside, by kind and result.
pub const CALLS: &str = "messaging_intent_calls_total";
/// Time of one call to the outside.
pub const CALL_SECONDS: &str = "messaging_intent_call_duration_seconds";

/// Adds `count` to a counter of a service.
pub(crate) fn count(name: &'static str, service: &'static str, count: usize) {
    if count > 0 {
        counter!(name, "service" => service).increment(count as u64);
    }
}

/// Adds `count` to a counter with one more label.
pub(crate) fn count_by(
    name: &'static str,
    service: &'static str,
    label: &'static str,
    value: &str,
    count: usize,
) {
    counter!(name, "service" => service, label => value.to_owned()).increment(count as u64);
}

/// One observation.
pub(crate) fn observe(name: &'static str, service: &'static str, value: f64) {
    histogram!(name, "service" => service).record(value);
}

/// One duration.
pub(crate) fn time(name: &'static str, service: &'static str, took: Duration) {
    observe(name, service, took.as_secs_f64());
}

/// The state of something.
#[expect(clippy::cast_precision_loss, reason = "a gauge of rows needs no more than 52 bits")]
pub(crate) fn set(name: &'static str, service: &'static str, value: i64) {
    gauge!(name, "service" => service).set(value as f64);
}

/// Lag of each assigned partition, as the client sees the end of the log.
#[expect(clippy::cast_precision_loss, reason = "a lag needs no more than 52 bits")]
pub(crate) fn lag(service: &'static str, settings: &Settings, statistics: &Statistics) {
    for topic in statistics.topics.values() {
        let Some(name) = settings.bare(&topic.topic) else { continue };
        for partition in topic.partitions.values().filter(|partition| partition.partition >= 0) {
            if partition.consumer_lag >= 0 {
                let labels = [
                    ("service", service.to_owned()),
                    ("topic", name.to_owned()),
                    ("partition", partition.partition.to_string()),
                ];
                gauge!(LAG, &labels).set(partition.consumer_lag as f64);
            }
        }
    }
}
