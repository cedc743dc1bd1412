//! Kafka, the registry and Postgres, shared by all tests of this machine; each test takes topics and databases of its own.

use anyhow::Context as _;
use kernel::Ids as _;
use kernel::clock::SystemIds;
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};
use stack::Endpoints;
use tokio::sync::OnceCell;

use crate::{Database, Topics};

/// Serialises test processes that register the same schemas at once ("cf-schem" in ASCII).
const SCHEMAS_LOCK: i64 = 0x6366_2d73_6368_656d;

/// The real parts.
#[derive(Clone, Debug)]
pub struct Parts {
    endpoints: Endpoints,
}

impl Parts {
    /// Starts them or finds them running. An error is a reason to fail, never to skip.
    pub async fn shared() -> anyhow::Result<Self> {
        let shared = stack::shared_for_tests().await.context("the real parts are not there")?;
        Ok(Self { endpoints: shared.endpoints().clone() })
    }

    /// Where they answer.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// A name no other test has; in front of topics and databases it keeps tests apart.
    pub fn unique() -> String {
        let id = SystemIds.next().simple().to_string();
        // The front of a UUIDv7 is the time, the back is random.
        format!("t{}{}", &id[4..12], &id[24..])
    }

    /// Registers the schemas of the store, once a process.
    pub async fn push_schemas(&self) -> anyhow::Result<()> {
        static PUSHED: OnceCell<()> = OnceCell::const_new();
        PUSHED.get_or_try_init(|| self.push()).await.copied()
    }

    async fn push(&self) -> anyhow::Result<()> {
        let mut lock = PgConnection::connect(&self.endpoints.postgres_admin_url)
            .await
            .context("connect to lock the schemas")?;
        sqlx::query("SELECT pg_advisory_lock($1)").bind(SCHEMAS_LOCK).execute(&mut lock).await?;
        storectl::schemas::push(&self.endpoints.registry_url).await.context("register the schemas")?;
        lock.close().await.context("unlock the schemas")
    }

    /// The topics of the store under `prefix`; deleted with the value.
    pub async fn topics(&self, prefix: &str, partitions: i32) -> anyhow::Result<Topics> {
        Topics::create(&self.endpoints.kafka_bootstrap, storectl::topics::specs(prefix, partitions)).await
    }

    /// A database named after `set` and `service`, migrated; dropped with the value.
    pub async fn database(
        &self,
        set: &str,
        service: &str,
        migrators: &[&Migrator],
    ) -> anyhow::Result<Database> {
        Database::create(&self.endpoints.postgres_admin_url, set, service, migrators).await
    }
}
