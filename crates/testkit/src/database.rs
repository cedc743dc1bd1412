//! A database of one test, with the role of one service.

use anyhow::Context as _;
use service_kit::database::migrate;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgPool};

use crate::parts::Parts;

/// A database that ends with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    admin: PgConnectOptions,
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
        let database = Self { name, url, admin };
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

impl Drop for Database {
    fn drop(&mut self) {
        let (name, admin) = (self.name.clone(), self.admin.clone());
        let drop_it = async move {
            let mut connection = admin.connect().await?;
            connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await?;
            connection.execute(AssertSqlSafe(format!("DROP ROLE IF EXISTS {name}"))).await
        };
        if let Err(error) = crate::topics::on_a_thread(drop_it) {
            eprintln!("the database {} is left behind: {error:?}", self.name);
        }
    }
}
