//! The service's settings.

use std::path::PathBuf;

use clap::{Args, Parser};
use lettre::message::Mailbox;
use service_kit::config::{CorsArgs, DatabaseArgs, HttpArgs, Secret, TelemetryArgs};

/// Everything the program is told.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "email",
    version,
    about = "Sends a receipt for each confirmed order and a notice for each cancelled one"
)]
pub struct Config {
    /// Where it answers.
    #[command(flatten)]
    pub http: HttpArgs,
    /// Which web pages may call.
    #[command(flatten)]
    pub cors: CorsArgs,
    /// Its own database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// What it tells about itself.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// Kafka, the registry and the limits of delivery.
    #[command(flatten)]
    pub messaging: messaging::Settings,
    /// How mails leave.
    #[command(flatten)]
    pub mail: MailArgs,
}

/// How mails leave.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Mail")]
pub struct MailArgs {
    /// Mail server, `smtp://user:password@host:port?tls=required` (or `opportunistic`) or `smtps://…`; all but the host may be left out [default: none, mails become files]
    #[arg(long, env = "SMTP_URL", hide_env_values = true)]
    pub smtp_url: Option<Secret>,

    /// Folder for mails as files, one .eml for each Message-ID, when no mail server is given
    #[arg(long, env = "MAIL_DIR", default_value = "./mail")]
    pub mail_dir: PathBuf,

    /// Sender of every mail; its address must be ASCII
    #[arg(long, env = "MAIL_FROM", default_value = SENDER, value_parser = sender)]
    pub mail_from: Mailbox,

    /// Right side of every Message-ID; never change it while mails are under way, or a repeat gets another id
    #[arg(long, env = "MAIL_DOMAIN", default_value = DOMAIN, value_parser = domain)]
    pub mail_domain: String,

    /// Connections to the mail server at most
    #[arg(long, env = "SMTP_CONNECTIONS_MAX", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub smtp_connections_max: u16,
}

const SENDER: &str = "Counterflow <store@counterflow.example>";
const DOMAIN: &str = "counterflow.example";

impl MailArgs {
    /// The defaults, with mails written to `dir`.
    pub fn to_folder(dir: impl Into<PathBuf>) -> Self {
        Self {
            smtp_url: None,
            mail_dir: dir.into(),
            mail_from: sender(SENDER).expect("the default sender is a mailbox"),
            mail_domain: DOMAIN.to_owned(),
            smtp_connections_max: 32,
        }
    }
}

fn sender(text: &str) -> Result<Mailbox, String> {
    match text.parse::<Mailbox>() {
        Ok(mailbox) if AsRef::<str>::as_ref(&mailbox.email).is_ascii() => Ok(mailbox),
        _ => Err("expected an address, or Name <address>".into()),
    }
}

fn domain(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.len() <= 200 && text.split('.').all(label) {
        Ok(text.to_owned())
    } else {
        Err("expected a domain name".into())
    }
}
