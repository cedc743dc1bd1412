//! The programs of a store, and where they answer.

use clap::{Args, Command, FromArgMatches as _};

/// The programs of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Program {
    /// Takes orders.
    Order,
    /// Keeps stock.
    Inventory,
    /// Takes payment.
    Billing,
    /// Sends mails.
    Email,
    /// Stands for the bank.
    PaymentGateway,
}

impl Program {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Order, Self::Inventory, Self::Billing, Self::Email, Self::PaymentGateway];

    /// As it is named everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Inventory => "inventory",
            Self::Billing => "billing",
            Self::Email => "email",
            Self::PaymentGateway => "payment-gateway",
        }
    }
}

/// Where the programs of a running store answer.
#[derive(Args, Clone, Debug)]
pub struct StoreArgs {
    /// Address of the order service
    #[arg(long = "order-url", value_name = "URL", env = "ORDER_URL",
          default_value = "http://127.0.0.1:8101", value_parser = address)]
    order: String,
    /// Address of the inventory service
    #[arg(long = "inventory-url", value_name = "URL", env = "INVENTORY_URL",
          default_value = "http://127.0.0.1:8102", value_parser = address)]
    inventory: String,
    /// Address of the billing service
    #[arg(long = "billing-url", value_name = "URL", env = "BILLING_URL",
          default_value = "http://127.0.0.1:8103", value_parser = address)]
    billing: String,
    /// Address of the email service
    #[arg(long = "email-url", value_name = "URL", env = "EMAIL_URL",
          default_value = "http://127.0.0.1:8104", value_parser = address)]
    email: String,
    /// Address of the payment gateway
    #[arg(long = "gateway-url", value_name = "URL", env = "GATEWAY_URL",
          default_value = "http://127.0.0.1:8105", value_parser = address)]
    gateway: String,
}

impl StoreArgs {
    /// As the environment says, without a command line.
    pub fn from_env() -> Result<Self, clap::Error> {
        let command = Self::augment_args(Command::new("store"));
        Self::from_arg_matches(&command.try_get_matches_from(["store"])?)
    }

    /// The addresses, in the order of [`Program::ALL`].
    pub fn urls(&self) -> [String; 5] {
        [&self.order, &self.inventory, &self.billing, &self.email, &self.gateway].map(Clone::clone)
    }
}

/// Paths are put behind it.
fn address(text: &str) -> Result<String, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("expected an address such as http://127.0.0.1:8101".to_owned()),
    }
}
