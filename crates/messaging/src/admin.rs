//! Makes and deletes topics, for `storectl`, the stack and tests. A service that starts never does.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Full name, prefix included.
    pub name: String,
    /// How many partitions.
    pub partitions: i32,
    /// Topic settings, `cleanup.policy` and so on.
    pub config: Vec<(&'static str, String)>,
}

/// What became of a [`TopicSpec`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Full name, prefix included.
    pub name: String,
    /// What was found or done.
    pub outcome: Outcome,
}

/// What was found or done. A topic that is there is left as it is: more partitions would send a key's later events to
/// another partition than its earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The topic is new.
    Made,
    /// The topic was there.
    AlreadyThere,
    /// The topic was there with another number of partitions.
    OtherPartitions {
        /// How many it has.
        found: i32,
    },
}

/// Topics could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The client could not be set up.
    #[error("cannot make a Kafka client for {bootstrap}")]
    Client {
        /// The brokers.
        bootstrap: String,
        /// What librdkafka said.
        #[source]
        source: KafkaError,
    },
    /// The brokers did not answer.
    #[error("cannot ask {bootstrap} to make or delete topics")]
    Ask {
        /// The brokers.
        bootstrap: String,
        /// What librdkafka said.
        #[source]
        source: KafkaError,
    },
    /// The broker refused one.
    #[error("{bootstrap} refuses to make the topic {topic}")]
    Refused {
        /// The brokers.
        bootstrap: String,
        /// Full name, prefix included.
        topic: String,
        /// The broker's code.
        #[source]
        source: RDKafkaErrorCode,
    },
    /// The broker keeps one.
    #[error("{bootstrap} does not delete the topic {topic}")]
    Kept {
        /// The brokers.
        bootstrap: String,
        /// Full name, prefix included.
        topic: String,
        /// The broker's code.
        #[source]
        source: RDKafkaErrorCode,
    },
    /// The topics were made, but the brokers do not know them yet.
    #[error("{bootstrap} has made topics but does not show them within {VISIBLE_WITHIN:?}")]
    NotVisible {
        /// The brokers.
        bootstrap: String,
    },
}

const REQUEST_WITHIN: Duration = Duration::from_secs(30);
const VISIBLE_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Makes the topics that are not there, and waits until the brokers show them. Run again, it finds them as they are.
pub async fn create_topics(bootstrap: &str, topics: &[TopicSpec]) -> Result<Vec<Created>, AdminError> {
    let client = client(bootstrap)?;
    let wanted: Vec<NewTopic<'_>> = topics.iter().map(new_topic).collect();
    let answers = client
        .create_topics(&wanted, &patient())
        .await
        .map_err(|source| AdminError::Ask { bootstrap: bootstrap.to_owned(), source })?;
    let mut is_new = HashMap::new();
    for answer in answers {
        match answer {
            Ok(topic) => is_new.insert(topic, true),
            Err((topic, RDKafkaErrorCode::TopicAlreadyExists)) => is_new.insert(topic, false),
            Err((topic, source)) => {
                return Err(AdminError::Refused { bootstrap: bootstrap.to_owned(), topic, source });
            }
        };
    }
    let found = wait_until_visible(bootstrap, client, topics).await?;
    Ok(topics.iter().map(|topic| created(topic, is_new.get(&topic.name) == Some(&true), &found)).collect())
}

/// Deletes topics with all they hold; one that is not there is no error.
pub async fn delete_topics(bootstrap: &str, names: &[String]) -> Result<(), AdminError> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answers = client(bootstrap)?
        .delete_topics(&names, &patient())
        .await
        .map_err(|source| AdminError::Ask { bootstrap: bootstrap.to_owned(), source })?;
    for answer in answers {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => {}
            Err((topic, source)) => {
                return Err(AdminError::Kept { bootstrap: bootstrap.to_owned(), topic, source });
            }
        }
    }
    Ok(())
}

/// Removes the records of a partition below `offset`, as retention does; `None`: all there are.
pub async fn delete_records(
    bootstrap: &str,
    topic: &str,
    partition: i32,
    offset: Option<i64>,
) -> Result<(), AdminError> {
    let asked = |source| AdminError::Ask { bootstrap: bootstrap.to_owned(), source };
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, offset.map_or(Offset::End, Offset::Offset)).map_err(asked)?;
    let answers = client(bootstrap)?.delete_records(&list, &patient()).await.map_err(asked)?;
    answers.elements().iter().try_for_each(TopicPartitionListElem::error).map_err(asked)
}

fn client(bootstrap: &str) -> Result<AdminClient<DefaultClientContext>, AdminError> {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", bootstrap).set("broker.address.family", "v4");
    settings.create().map_err(|source| AdminError::Client { bootstrap: bootstrap.to_owned(), source })
}

fn patient() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST_WITHIN)).operation_timeout(Some(REQUEST_WITHIN))
}

fn new_topic(topic: &TopicSpec) -> NewTopic<'_> {
    // -1: the broker's own default, so that one command fits a laptop and a cluster.
    let mut new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(-1));
    for (name, value) in &topic.config {
        new = new.set(name, value);
    }
    new
}

fn created(topic: &TopicSpec, is_new: bool, found: &HashMap<String, i32>) -> Created {
    let outcome = match found.get(&topic.name) {
        Some(&found) if found != topic.partitions => Outcome::OtherPartitions { found },
        _ if is_new => Outcome::Made,
        _ => Outcome::AlreadyThere,
    };
    Created { name: topic.name.clone(), outcome }
}

/// A producer that comes before the metadata would fail with "unknown topic".
async fn wait_until_visible(
    bootstrap: &str,
    client: AdminClient<DefaultClientContext>,
    topics: &[TopicSpec],
) -> Result<HashMap<String, i32>, AdminError> {
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let bootstrap = bootstrap.to_owned();
    let asked = bootstrap.clone();
    // librdkafka's metadata call blocks.
    let looking = tokio::task::spawn_blocking(move || {
        let deadline = Instant::now() + VISIBLE_WITHIN;
        loop {
            let found =
                partitions(&client).map_err(|source| AdminError::Ask { bootstrap: asked.clone(), source })?;
            if names.iter().all(|name| found.contains_key(name)) {
                return Ok(found);
            }
            if Instant::now() > deadline {
                return Err(AdminError::NotVisible { bootstrap: asked });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    });
    looking.await.unwrap_or_else(|stopped| match stopped.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_cancelled) => Err(AdminError::NotVisible { bootstrap }),
    })
}

/// Partitions of each topic that has a leader for all of them.
fn partitions(client: &AdminClient<DefaultClientContext>) -> Result<HashMap<String, i32>, KafkaError> {
    let metadata = client.inner().fetch_metadata(None, REQUEST_WITHIN)?;
    let led = metadata.topics().iter().filter(|topic| {
        topic.error().is_none() && topic.partitions().iter().all(|partition| partition.leader() >= 0)
    });
    Ok(led
        .map(|topic| (topic.name().to_owned(), i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX)))
        .collect())
}
