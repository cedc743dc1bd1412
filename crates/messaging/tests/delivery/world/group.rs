//! The consumer group as the broker sees it.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::groups::GroupInfo;
use testkit::until;

use super::{Instance, SOON, Service};

/// Waits until exactly these instances are the members, and each has partitions.
pub async fn until_shared(service: &Service, instances: &[&Instance]) {
    let mut wanted: Vec<String> = instances.iter().map(|instance| instance.name.clone()).collect();
    wanted.sort();
    until(format!("{wanted:?} share the partitions"), SOON, async || {
        let (bootstrap, group) =
            (service.settings.kafka_bootstrap.clone(), service.settings.topic(service.name));
        let mut found = tokio::task::spawn_blocking(move || members(&bootstrap, &group)).await.unwrap();
        found.sort();
        if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// Members of a stable group that have partitions.
fn members(bootstrap: &str, group: &str) -> Vec<String> {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", bootstrap).set("broker.address.family", "v4");
    let client: BaseConsumer = settings.create().unwrap();
    let found = client.fetch_group_list(Some(group), Duration::from_secs(10)).unwrap();
    let stable = found.groups().iter().filter(|group| group.state() == "Stable");
    let members = stable.flat_map(GroupInfo::members);
    members
        .filter(|member| member.assignment().is_some_and(has_partitions))
        .map(|member| member.client_id().to_owned())
        .collect()
}

/// Consumer protocol: version (two bytes), number of topics (four), then the topics with their partitions.
fn has_partitions(assignment: &[u8]) -> bool {
    assignment.get(2..6).is_some_and(|topics| topics != [0; 4])
}
