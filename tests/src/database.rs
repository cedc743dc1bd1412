//! A look into the database of a service, for what no API shows.

use all::launch::Program;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::Shop;

impl Shop {
    /// The number that `query` gives in the database of `program`, asked as the service itself.
    pub async fn number(&self, program: Program, query: &str) -> i64 {
        let mut connection = self.connect(program).await;
        let number = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection).await;
        number.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Changes what the service itself may change.
    pub async fn execute(&self, program: Program, statement: &str) {
        let mut connection = self.connect(program).await;
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// A connection to the database of `program`, as the service itself.
    pub async fn connect(&self, program: Program) -> PgConnection {
        let database = self.running().database(program).expect("a service with a database");
        PgConnection::connect(database.database_url.reveal()).await.expect("its database answers")
    }
}
