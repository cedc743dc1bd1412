//! What a test made and must not leave behind.

use std::path::{Path, PathBuf};

use messaging::admin::delete_topics;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

/// Databases with the roles of the same names, topics and a folder; all of it is removed with this value, as far as it is there.
#[derive(Debug)]
pub struct Leftovers {
    admin_url: String,
    databases: Vec<String>,
    topics: Option<(String, Vec<String>)>,
    folder: Option<PathBuf>,
}

impl Leftovers {
    /// Of the Postgres server that this superuser may do anything with.
    pub fn new(admin_url: &str) -> Self {
        Self { admin_url: admin_url.to_owned(), databases: Vec::new(), topics: None, folder: None }
    }

    /// Databases and roles.
    #[must_use]
    pub fn databases(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.databases.extend(names);
        self
    }

    /// Full names of topics.
    #[must_use]
    pub fn topics(mut self, bootstrap: &str, names: impl IntoIterator<Item = String>) -> Self {
        self.topics = Some((bootstrap.to_owned(), names.into_iter().collect()));
        self
    }

    /// A folder with all that is in it.
    #[must_use]
    pub fn folder(mut self, path: &Path) -> Self {
        self.folder = Some(path.to_owned());
        self
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        let dropped = crate::topics::on_a_thread(drop_databases(&self.admin_url, &self.databases));
        if let Err(error) = dropped {
            eprintln!("the databases {:?} are left behind: {error}", self.databases);
        }
        if let Some((bootstrap, topics)) = &self.topics {
            let deleted = crate::topics::on_a_thread(async { delete_topics(bootstrap, topics).await });
            if let Err(error) = deleted {
                eprintln!("the topics {topics:?} are left behind: {error}");
            }
        }
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

async fn drop_databases(admin_url: &str, names: &[String]) -> Result<(), sqlx::Error> {
    if names.is_empty() {
        return Ok(());
    }
    let mut connection = admin_url.parse::<PgConnectOptions>()?.connect().await?;
    for name in names {
        connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await?;
        connection.execute(AssertSqlSafe(format!("DROP ROLE IF EXISTS {name}"))).await?;
    }
    Ok(())
}
