//! Where the log of the store is.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use messaging::Settings;

use super::Story;

const REGISTRY_WITHIN: Duration = Duration::from_secs(3);

/// Where the log of the store is.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// Kafka brokers, host:port, comma separated; unless told otherwise, those of compose and of `make run`
    #[arg(long, env = "KAFKA_BOOTSTRAP", default_value = "127.0.0.1:9092,127.0.0.1:19092")]
    kafka_bootstrap: String,
    /// Addresses of the schema registry's Confluent-compatible API, comma separated; the first that answers is asked
    #[arg(
        long,
        env = "REGISTRY_URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:8081/apis/ccompat/v7,http://127.0.0.1:18081/apis/ccompat/v7"
    )]
    registry_url: Vec<String>,
    /// Put before the name of every topic (several stores on one cluster)
    #[arg(long = "topic-prefix", env = "TOPIC_PREFIX", default_value = "", value_parser = crate::cli::prefix)]
    prefix: String,
}

impl LogArgs {
    /// Without asking which registry answers.
    pub(crate) fn kafka(&self) -> Settings {
        let registry = self.registry_url.first().cloned().unwrap_or_default();
        Settings { topic_prefix: self.prefix.clone(), ..Settings::new(&self.kafka_bootstrap, registry) }
    }

    /// With the registry that answers.
    pub(crate) async fn settings(&self) -> anyhow::Result<Settings> {
        let registry = self.registry().await?;
        Ok(Settings { topic_prefix: self.prefix.clone(), ..Settings::new(&self.kafka_bootstrap, registry) })
    }

    /// Begins to follow it.
    pub(super) async fn follow(&self) -> anyhow::Result<Story> {
        let settings = self.settings().await?;
        let kafka = &self.kafka_bootstrap;
        Story::follow(&settings)
            .await
            .with_context(|| format!("the log in Kafka at {kafka} cannot be followed"))
    }

    async fn registry(&self) -> anyhow::Result<&str> {
        let http = reqwest::Client::builder().no_proxy().timeout(REGISTRY_WITHIN).build()?;
        for url in &self.registry_url {
            let answer = http.get(format!("{url}/subjects")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(url);
            }
        }
        bail!("no schema registry answers at {}", self.registry_url.join(" or "))
    }
}
