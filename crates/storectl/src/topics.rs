//! `storectl topics`: the store's topics as the design wants them.

use events::topics;
use kernel::Event as _;
use messaging::admin::{AdminError, Created, TopicSpec, create_topics};

/// Partitions of a topic unless told otherwise. Fixed for the life of a topic: keys are spread by it.
pub const PARTITIONS: i32 = 6;

const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Makes every topic of the store that is not there yet.
pub async fn create(bootstrap: &str, prefix: &str, partitions: i32) -> Result<Vec<Created>, AdminError> {
    create_topics(bootstrap, &specs(prefix, partitions)).await
}

/// Every topic of the store.
pub fn specs(prefix: &str, partitions: i32) -> Vec<TopicSpec> {
    let spec =
        |topic: &&str| TopicSpec { name: format!("{prefix}{topic}"), partitions, config: config(topic) };
    topics::ALL.iter().map(spec).collect()
}

fn config(topic: &str) -> Vec<(&'static str, String)> {
    if !events::Event::is_compacted(topic) {
        // The log is the truth: nothing in it ends by itself.
        return vec![
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", "-1".to_owned()),
            ("retention.bytes", "-1".to_owned()),
        ];
    }
    let mut config = vec![
        ("cleanup.policy", "compact".to_owned()),
        // Longer than any outage we tolerate: who was away meanwhile must still see the tombstone.
        ("delete.retention.ms", (30 * DAY_MS).to_string()),
        ("max.compaction.lag.ms", HOUR_MS.to_string()),
    ];
    if topic == topics::CUSTOMERS {
        // Only closed segments are compacted: short ones, so that an erased customer is gone from the disk soon.
        config.extend([
            ("segment.ms", (HOUR_MS / 2).to_string()),
            ("segment.bytes", (16 * 1024 * 1024).to_string()),
        ]);
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_of(topic: &str) -> Vec<(&'static str, String)> {
        specs("a.", 3).into_iter().find(|spec| spec.name == format!("a.{topic}")).unwrap().config
    }

    fn number(topic: &str, setting: &str) -> u64 {
        config_of(topic).into_iter().find(|(name, _)| *name == setting).unwrap().1.parse().unwrap()
    }

    #[test]
    fn facts_are_kept_for_ever() {
        for topic in ["orders", "inventory", "payments", "emails"] {
            let kept = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];
            assert_eq!(config_of(topic), kept.map(|(name, value)| (name, value.to_owned())));
        }
    }

    #[test]
    fn an_erased_customer_is_gone_within_the_hour_and_the_erasure_is_seen_by_late_readers() {
        for topic in ["customers", "products"] {
            assert!(config_of(topic).contains(&("cleanup.policy", "compact".to_owned())));
            assert!(number(topic, "max.compaction.lag.ms") <= HOUR_MS);
            assert!(number(topic, "delete.retention.ms") >= 7 * DAY_MS);
        }
        assert!(number("customers", "segment.ms") <= HOUR_MS);
    }

    #[test]
    fn every_topic_is_made_with_the_prefix_and_the_partitions_asked_for() {
        let specs = specs("shop-2.", 12);
        assert_eq!(specs.len(), 6);
        assert!(specs.iter().all(|spec| spec.partitions == 12 && spec.name.starts_with("shop-2.")));
    }
}
