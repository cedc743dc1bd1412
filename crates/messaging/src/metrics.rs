//! What messaging measures. Every name is here, once; `docs/telemetry.md` says what each means.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::core::consumer::ParkedKind;

/// Records read but not handled because the inbox had their event already.
pub const DUPLICATES: &str = "messaging_duplicates_dropped_total";
/// Records parked, by kind.
pub const PARKED: &str = "messaging_records_parked_total";
/// Records of an event unknown to this build.
pub const UNKNOWN: &str = "messaging_records_unknown_total";
/// Events handled, by topic.
pub const HANDLED: &str = "messaging_events_handled_total";
/// Records handled that had been handled before, because somebody wanted it, by topic.
pub const REPLAYED: &str = "messaging_records_replayed_total";
/// Events the domain ignored, by reason.
pub const IGNORED: &str = "messaging_events_ignored_total";
/// Events whose number in their topic and key is not the next one, by topic.
pub const SEQUENCE_GAPS: &str = "messaging_sequence_gaps_total";
/// Records in one transaction.
pub const BATCH: &str = "messaging_batch_records";
/// From the first statement of a batch to its commit.
pub const BATCH_SECONDS: &str = "messaging_batch_duration_seconds";
/// Time the service's own decisions took in a batch.
pub const HANDLER_SECONDS: &str = "messaging_handler_duration_seconds";
/// Tries that failed and were made again, by loop.
pub const RETRIES: &str = "messaging_retries_total";
/// Records that are in the log but not handled yet, by topic and partition.
pub const LAG: &str = "messaging_consumer_lag_records";
/// Times the group gave partitions to this member.
pub const REBALANCES: &str = "messaging_rebalances_total";
/// Unsent rows.
pub const OUTBOX_DEPTH: &str = "messaging_outbox_rows";
/// Age of the oldest unsent row.
pub const OUTBOX_AGE: &str = "messaging_outbox_oldest_age_seconds";
/// From reading a row to the broker's ack.
pub const PUBLISH_SECONDS: &str = "messaging_publish_duration_seconds";
/// Records published, by topic.
pub const PUBLISHED: &str = "messaging_records_published_total";
/// Records that could not be published at a try, by reason.
pub const PUBLISH_FAILURES: &str = "messaging_publish_failures_total";
/// Dead letters that wait for somebody.
pub const DEAD_LETTERS: &str = "messaging_dead_letters";
/// Keys they are of: what comes of these is parked behind them.
pub const DEAD_LETTER_KEYS: &str = "messaging_dead_letter_keys";
/// Calls to the outside, by result.
pub const CALLS: &str = "messaging_intent_calls_total";
/// Time of one call to the outside.
pub const CALL_SECONDS: &str = "messaging_intent_call_duration_seconds";
/// Calls that are to be made, or made again.
pub const INTENTS: &str = "messaging_intents_open";
/// Most tries of a call that is still to be made.
pub const INTENT_ATTEMPTS: &str = "messaging_intent_attempts_max";

/// Shows at zero what the consumer of `topics` may come to count: a rate begins with the first, not with the second.
pub(crate) fn register_consumer(service: &'static str, topics: &[&'static str]) {
    describe();
    for name in [DUPLICATES, UNKNOWN, REBALANCES] {
        counter!(name, "service" => service).increment(0);
    }
    for kind in ParkedKind::ALL {
        count_by(PARKED, service, "kind", kind.as_str(), 0);
    }
    for retried in ["consumer", "registry"] {
        count_by(RETRIES, service, "loop", retried, 0);
    }
    for topic in topics {
        count_by(HANDLED, service, "topic", topic, 0);
        count_by(REPLAYED, service, "topic", topic, 0);
        count_by(SEQUENCE_GAPS, service, "topic", topic, 0);
    }
    for name in [BATCH, BATCH_SECONDS, HANDLER_SECONDS] {
        let _shown = histogram!(name, "service" => service);
    }
}

/// As [`register_consumer`], for the relay; `failures` are the reasons it may give.
pub(crate) fn register_relay(service: &'static str, failures: &[&'static str]) {
    describe();
    count_by(RETRIES, service, "loop", "relay", 0);
    for reason in failures {
        count_by(PUBLISH_FAILURES, service, "reason", reason, 0);
    }
    let _shown = histogram!(PUBLISH_SECONDS, "service" => service);
}

/// As [`register_consumer`], for calls to the outside.
pub(crate) fn register_intents(service: &'static str) {
    describe();
    count_by(RETRIES, service, "loop", "intents", 0);
    for result in ["done", "retry"] {
        count_by(CALLS, service, "result", result, 0);
    }
    let _shown = histogram!(CALL_SECONDS, "service" => service);
}

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

/// Lag of one partition.
#[expect(clippy::cast_precision_loss, reason = "a lag needs no more than 52 bits")]
pub(crate) fn lag(service: &'static str, topic: &str, partition: i32, records: i64) {
    let labels =
        [("service", service.to_owned()), ("topic", topic.to_owned()), ("partition", partition.to_string())];
    gauge!(LAG, &labels).set(records as f64);
}

/// What `/metrics` says of each.
fn describe() {
    describe_counter!(DUPLICATES, "Records not handled because their event had been.");
    describe_counter!(PARKED, "Records parked as dead letters.");
    describe_counter!(UNKNOWN, "Records of events this build does not know.");
    describe_counter!(HANDLED, "Events handled.");
    describe_counter!(REPLAYED, "Records handled again because somebody wanted it.");
    describe_counter!(IGNORED, "Events that were right and changed nothing.");
    describe_counter!(SEQUENCE_GAPS, "Events that came without those before them.");
    describe_histogram!(BATCH, "Records in one transaction.");
    describe_histogram!(BATCH_SECONDS, "Time a transaction of records took.");
    describe_histogram!(HANDLER_SECONDS, "Time the decisions in a transaction took.");
    describe_counter!(RETRIES, "Tries that failed and are made again.");
    describe_gauge!(LAG, "Records in the log that are not handled yet; 0 for partitions it does not read.");
    describe_counter!(REBALANCES, "Times the group gave partitions to this member.");
    describe_gauge!(OUTBOX_DEPTH, "Events decided and not yet in the log; not counted beyond 100001.");
    describe_gauge!(OUTBOX_AGE, "Age of the oldest of them.");
    describe_histogram!(PUBLISH_SECONDS, "Time from reading an event in the outbox to the broker's ack.");
    describe_counter!(PUBLISHED, "Records the broker acknowledged.");
    describe_counter!(PUBLISH_FAILURES, "Tries to publish that failed.");
    describe_gauge!(DEAD_LETTERS, "Parked records; not counted beyond 10001.");
    describe_gauge!(DEAD_LETTER_KEYS, "Keys they are of.");
    describe_counter!(CALLS, "Calls to the outside.");
    describe_histogram!(CALL_SECONDS, "Time of a call to the outside.");
    describe_gauge!(INTENTS, "Calls to be made, or made again; not counted beyond 10001.");
    describe_gauge!(INTENT_ATTEMPTS, "Most tries of a call that is still open.");
}
