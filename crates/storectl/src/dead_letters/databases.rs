//! Where the services keep their dead letters.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use messaging::dead_letters::DeadLetters;

/// The services that park records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Service {
    /// Takes orders.
    Order,
    /// Keeps stock.
    Inventory,
    /// Takes payment.
    Billing,
    /// Sends mails.
    Email,
}

impl Service {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Order, Self::Inventory, Self::Billing, Self::Email];

    /// As it is named everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Inventory => "inventory",
            Self::Billing => "billing",
            Self::Email => "email",
        }
    }
}

/// Who parks records: a service, or whoever else listens and has a database on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// One of the four.
    Service(Service),
    /// A listener, by its name: that of its group and of its database, without prefix.
    Listener(String),
}

impl Keeper {
    /// As it is named everywhere.
    pub fn name(&self) -> &str {
        match self {
            Self::Service(service) => service.name(),
            Self::Listener(name) => name,
        }
    }
}

impl FromStr for Keeper {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(service) = Service::ALL.into_iter().find(|service| service.name() == text) {
            return Ok(Self::Service(service));
        }
        let may_be = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        if text.starts_with(|first: char| first.is_ascii_lowercase()) && text.chars().all(may_be) {
            return Ok(Self::Listener(text.to_owned()));
        }
        Err("expected order, inventory, billing, email, or the name of a listener such as analytics"
            .to_owned())
    }
}

/// Where the databases of the services are.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Databases")]
pub struct DatabaseArgs {
    /// A role of the server that may write in the database of each service, as `stack env` prints it; never shown
    #[arg(long = "database-url", value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_server: Option<String>,
    /// Before the name of each service in the name of its database: `counterflow_` for `make run`, nothing for compose
    #[arg(long = "database-prefix", env = "DATABASE_PREFIX", default_value = "")]
    database_prefix: String,
    /// A file with the password for any of these, when it is not in the address
    #[arg(long = "database-password-file", value_name = "FILE", env = "DATABASE_PASSWORD_FILE")]
    password_file: Option<PathBuf>,
    /// The database of the order service, instead of the one on the server above; never shown
    #[arg(
        long = "order-database-url",
        value_name = "URL",
        env = "ORDER_DATABASE_URL",
        hide_env_values = true
    )]
    order_database: Option<String>,
    /// The database of the inventory service, likewise
    #[arg(
        long = "inventory-database-url",
        value_name = "URL",
        env = "INVENTORY_DATABASE_URL",
        hide_env_values = true
    )]
    inventory_database: Option<String>,
    /// The database of the billing service, likewise
    #[arg(
        long = "billing-database-url",
        value_name = "URL",
        env = "BILLING_DATABASE_URL",
        hide_env_values = true
    )]
    billing_database: Option<String>,
    /// The database of the email service, likewise
    #[arg(
        long = "email-database-url",
        value_name = "URL",
        env = "EMAIL_DATABASE_URL",
        hide_env_values = true
    )]
    email_database: Option<String>,
}

impl DatabaseArgs {
    /// Whether it is said where the database of `service` is.
    pub fn knows(&self, service: Service) -> bool {
        self.database_server.is_some() || self.own(service).is_some()
    }

    /// The dead letters of `keeper`.
    pub fn of(&self, keeper: &Keeper) -> anyhow::Result<DeadLetters> {
        let (url, password) = match keeper {
            Keeper::Service(service) => self.address(*service)?,
            Keeper::Listener(name) => self.address_of(name)?,
        };
        // What is wrong with an address is not shown: there is a password in it.
        let name = keeper.name();
        DeadLetters::at(&url, password.as_deref())
            .ok()
            .with_context(|| format!("the address of the database of {name} is not of the form postgres://role:password@host:port/database"))
    }

    /// The address of the database of `service`, and the password where it is not in there.
    pub fn address(&self, service: Service) -> anyhow::Result<(String, Option<String>)> {
        self.address_at(service.name(), self.own(service))
    }

    /// Address and password of the database of anybody with one on the server.
    pub(crate) fn address_of(&self, name: &str) -> anyhow::Result<(String, Option<String>)> {
        self.address_at(name, None)
    }

    fn address_at(&self, name: &str, own: Option<&String>) -> anyhow::Result<(String, Option<String>)> {
        let url = match (own, &self.database_server) {
            (Some(own), _) => own.clone(),
            (None, Some(server)) => {
                let mut url = reqwest::Url::parse(server)
                    .ok()
                    .context("--database-url (DATABASE_URL) is not of the form postgres://role:password@host:port/database")?;
                url.set_path(&format!("{}{name}", self.database_prefix));
                url.to_string()
            }
            (None, None) => bail!(
                "where is the database of {name}? Say so by --database-url (DATABASE_URL), or, of a service, by --{name}-database-url"
            ),
        };
        let password = self.password_file.as_ref().map(|file| {
            std::fs::read_to_string(file).with_context(|| {
                format!(
                    "cannot read {}, see --database-password-file (DATABASE_PASSWORD_FILE)",
                    file.display()
                )
            })
        });
        let password = password.transpose()?;
        Ok((url, password.map(|password| password.trim().to_owned())))
    }

    fn own(&self, service: Service) -> Option<&String> {
        match service {
            Service::Order => self.order_database.as_ref(),
            Service::Inventory => self.inventory_database.as_ref(),
            Service::Billing => self.billing_database.as_ref(),
            Service::Email => self.email_database.as_ref(),
        }
    }
}
