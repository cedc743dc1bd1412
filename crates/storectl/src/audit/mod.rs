//! `storectl audit`: the tables of the services, held to the log.

mod across;
mod progress;
mod tell;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use fold::audit::Report;
use fold::{Database, FoldError, Progress};
use futures::future::try_join_all;
use messaging::log::Log;

use crate::client::Client;
use crate::dead_letters::{DatabaseArgs, Service};
use crate::demo::LogArgs;
use crate::programs::StoreArgs;

pub use across::{Across, across};
pub(crate) use progress::Bar;
pub use tell::{document, line};
pub(crate) use tell::{passed as tell_passed, report as tell_report};

/// Of which services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// Each of them.
    All,
    /// The order service.
    Order,
    /// The inventory service.
    Inventory,
    /// The billing service.
    Billing,
    /// The email service.
    Email,
}

impl Which {
    /// These.
    pub fn services(self) -> Vec<Service> {
        match self {
            Self::All => Service::ALL.to_vec(),
            Self::Order => vec![Service::Order],
            Self::Inventory => vec![Service::Inventory],
            Self::Billing => vec![Service::Billing],
            Self::Email => vec![Service::Email],
        }
    }
}

/// What is said on the command line.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// Of which service
    which: Which,
    /// How long rows that are moving are looked at again
    #[arg(long, default_value = "30s", value_parser = service_kit::duration::parse)]
    within: Duration,
    /// Print one JSON document, for tools
    #[arg(long)]
    json: bool,
    /// Do not look across services: their programs are not asked
    #[arg(long)]
    tables_only: bool,
    /// The log.
    #[command(flatten)]
    log: LogArgs,
    /// The tables.
    #[command(flatten)]
    databases: DatabaseArgs,
    /// The programs, for what is looked at across services.
    #[command(flatten)]
    store: StoreArgs,
}

/// Some row could not be compared.
const NOT_ALL: u8 = 2;

/// Does it. `Err`: it could not look.
pub async fn run(args: AuditArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let log = Log::open(&args.log.settings().await?)?;
    let services = args.which.services();
    let databases = services.iter().map(|service| Ok((*service, at(&args.databases, *service)?)));
    let databases: Vec<(Service, Database)> = databases.collect::<anyhow::Result<_>>()?;
    let bar = Bar::new();
    let reports = all(&databases, &log, args.within, |service, progress| bar.tell(service, progress)).await?;
    bar.clear();
    let inventory = databases.iter().find(|(service, _)| *service == Service::Inventory);
    let across = match inventory {
        Some((_, database)) if args.which == Which::All && !args.tables_only => {
            Some(across(&Client::new(args.store.urls())?, database).await?)
        }
        _ => None,
    };
    if args.json {
        writeln!(out, "{:#}", tell::document(&reports, across.as_ref()))?;
    } else {
        reports.iter().try_for_each(|report| tell::report(report, out))?;
        across.iter().try_for_each(|across| tell::across(across, out))?;
    }
    let is_clean = reports.iter().all(Report::is_clean) && across.iter().all(Across::is_clean);
    Ok(match is_clean {
        false => ExitCode::FAILURE,
        true if reports.iter().all(Report::is_complete) => ExitCode::SUCCESS,
        true => ExitCode::from(NOT_ALL),
    })
}

pub(crate) fn at(databases: &DatabaseArgs, service: Service) -> anyhow::Result<Database> {
    let (url, password) = databases.address(service)?;
    Ok(Database::at(service.name(), &url, password.as_deref())?)
}

/// Audits several services at a time; what is found of each, in their order.
pub async fn all(
    databases: &[(Service, Database)],
    log: &Log,
    within: Duration,
    tell: impl Fn(Service, Progress) + Copy,
) -> Result<Vec<Report>, FoldError> {
    let audited = databases.iter().map(|(service, database)| {
        one(*service, database, log, within, move |progress| tell(*service, progress))
    });
    try_join_all(audited).await
}

/// Audits one service.
pub async fn one(
    service: Service,
    database: &Database,
    log: &Log,
    within: Duration,
    tell: impl FnMut(Progress),
) -> Result<Report, FoldError> {
    use fold::audit::audit;
    match service {
        Service::Order => {
            Box::pin(audit(order::projection::Facts, order::store::Store, database, log, within, tell)).await
        }
        Service::Inventory => {
            let (facts, shelf) = (inventory::projection::Facts, inventory::store::Postgres);
            Box::pin(audit(facts, shelf, database, log, within, tell)).await
        }
        Service::Billing => {
            let (facts, shelf) = (billing::projection::Facts, billing::store::Payments);
            Box::pin(audit(facts, shelf, database, log, within, tell)).await
        }
        Service::Email => {
            Box::pin(audit(email::projection::Facts, email::store::Store, database, log, within, tell)).await
        }
    }
}
