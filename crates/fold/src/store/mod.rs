//! The schema rows are folded into, and the comparison with the live one.

pub(crate) mod compare;
mod scratch;
pub(crate) mod snapshot;
mod swap;

use std::str::FromStr as _;

use messaging::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};

use crate::FoldError;
pub(crate) use scratch::{Place, Scratch};

/// The database of a service, as a role that may make tables in it.
#[derive(Clone, Debug)]
pub struct Database {
    options: PgConnectOptions,
}

/// As Postgres says it: `invalid_catalog_name`.
const NO_SUCH_DATABASE: &str = "3D000";

/// Name of our connections: not that of the service, whose connections tell that it is alive.
const APPLICATION: &str = "storectl";

impl Database {
    /// The one at `url`, with the password that is there or in `password`. Connects when it is used.
    pub fn at(name: &str, url: &str, password: Option<&str>) -> Result<Self, FoldError> {
        let options = PgConnectOptions::from_str(url).map_err(|_| FoldError::BadUrl(name.to_owned()))?;
        let options = options.application_name(APPLICATION);
        Ok(Self { options: password.into_iter().fold(options, PgConnectOptions::password) })
    }

    /// How it is reached.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// A connection to it.
    pub async fn connect(&self) -> Result<PgConnection, FoldError> {
        Ok(self.with(&[]).await?)
    }

    /// Whether the server has it. `Err`: it does not answer, or does not say.
    pub async fn exists(&self) -> Result<bool, FoldError> {
        let Some(connection) = self.look().await? else { return Ok(false) };
        let _closed = sqlx::Connection::close(connection).await;
        Ok(true)
    }

    /// Who what is made in it should belong to: its owner, where we may act for that; `None`: the server has no such database.
    pub async fn owner(&self) -> Result<Option<String>, FoldError> {
        let Some(mut connection) = self.look().await? else { return Ok(None) };
        let owner = sqlx::query_scalar(
            "SELECT CASE WHEN pg_has_role(datdba, 'MEMBER') THEN pg_get_userbyid(datdba) ELSE current_user END::text
             FROM pg_database WHERE datname = current_database()",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(StoreError::doing("ask for the owner of a database"))?;
        let _closed = sqlx::Connection::close(connection).await;
        Ok(Some(owner))
    }

    /// A connection, where the server has the database.
    async fn look(&self) -> Result<Option<PgConnection>, FoldError> {
        match self.options.connect().await {
            Ok(connection) => Ok(Some(connection)),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_SUCH_DATABASE) => {
                Ok(None)
            }
            Err(error) => Err(StoreError::doing("look for a database")(error).into()),
        }
    }

    /// Every statement finds its rows one by one by an index, as in the service: the tables grow while plans are kept.
    pub(crate) async fn for_rows(&self) -> Result<PgConnection, StoreError> {
        self.with(&[
            ("synchronous_commit", "off"),
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("jit", "off"),
        ])
        .await
    }

    /// For statements over whole tables.
    pub(crate) async fn for_tables(&self) -> Result<PgConnection, StoreError> {
        self.with(&[("jit", "off"), ("work_mem", "64MB")]).await
    }

    async fn with(&self, settings: &[(&str, &str)]) -> Result<PgConnection, StoreError> {
        let options = self.options.clone().options(settings.iter().copied());
        options.connect().await.map_err(StoreError::doing("connect to the database of the service"))
    }
}
