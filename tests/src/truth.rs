//! A store, held to its log.

use std::time::Duration;

use fold::audit::Report;
use fold::rebuild::{How, Rebuilt};
use fold::{Database, FoldError};
use messaging::log::Log;
use storectl::dead_letters::Service;

use crate::{SOON, Shop};

impl Shop {
    /// Its log.
    pub fn log(&self) -> Log {
        Log::open(&self.running().settings()).expect("an HTTP client")
    }

    /// The databases of its services, as who may make tables there.
    pub fn databases(&self) -> Vec<(Service, Database)> {
        self.running().databases_of_services().expect("their addresses")
    }

    /// The database of one of them.
    pub fn database_of(&self, service: Service) -> Database {
        let found = self.databases().into_iter().find(|(one, _)| *one == service);
        found.expect("each service has one").1
    }

    /// What an audit finds, of each service in their order.
    pub async fn audited(&self, within: Duration) -> Vec<Report> {
        let found = storectl::audit::all(&self.databases(), &self.log(), within, |_, _| {}).await;
        found.expect("log and databases answer")
    }

    /// Fails when a table is not what the log says, or could not be compared.
    pub async fn is_as_the_log_says(&self) {
        for report in self.audited(SOON).await {
            let whole = serde_json::to_string_pretty(&report).expect("a report is JSON");
            assert!(report.is_clean() && report.is_complete(), "{whole}");
        }
    }

    /// Makes the tables of a service anew.
    pub async fn rebuilt(&self, service: Service) -> Rebuilt {
        let rebuilt = self.rebuild(service).await;
        rebuilt.unwrap_or_else(|error| panic!("{} is not rebuilt: {error:?}", service.name()))
    }

    /// Tries to.
    pub async fn rebuild(&self, service: Service) -> Result<Rebuilt, FoldError> {
        let (database, log) = (self.database_of(service), self.log());
        storectl::rebuild::one(service, &database, &log, How::default(), |_| {}).await
    }
}
