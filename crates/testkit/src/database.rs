//! A database of one test, with the role of one service.

use anyhow::Context as _;
use service_kit::database::migrate;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgPool};

use crate::{Leftovers, Parts};

/// A database that ends with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    admin: PgConnectOptions,
    _leftovers: Leftovers,
}

impl Database {
    /// Makes `set_service` with a role of the same name and applies `migrators` as the admin: the role may only read and write.
    pub async fn create(
        admin_url: &str,
        set: &str,
        service: &str,
        migrators: &[&Migrator],
    ) -> anyhow::Result<Self> {
        let name = format!("{set}_{service}").replace('-', "_");
        let admin: PgConnectOptions = admin_url.parse().context("the admin URL of Postgres")?;
        let url = stack::create_service_database(admin_url, &name, &name, &Parts::unique(), false).await?;
        let leftovers = Leftovers::new(admin_url).databases([name.clone()]);
        let database = Self { name, url, admin, _leftovers: leftovers };
        migrate(&database.inside(), Some(&database.name), migrators).await?;
        Ok(database)
    }

    /// The role's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of the role by way of a proxy.
    pub fn url_by_way_of(&self, address: &str) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let (credentials, rest) = rest.rsplit_once('@').unwrap_or_default();
        let (_, path) = rest.split_once('/').unwrap_or_default();
        format!("{scheme}://{credentials}@{address}/{path}")
    }

    /// Sessions of the role, for looking at what a service wrote.
    pub async fn pool(&self) -> anyhow::Result<PgPool> {
        PgPoolOptions::new()
            .max_connections(5)
            .connect(&self.url)
            .await
            .context("connect to the test database")
    }

    /// Runs statements as the admin: what no service may do.
    pub async fn as_admin(&self, statements: &str) -> anyhow::Result<()> {
        let mut connection = self.inside().connect().await.context("connect as the admin")?;
        connection.execute(AssertSqlSafe(statements)).await.context("run as the admin")?;
        Ok(())
    }

    fn inside(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name)
    }
}
