//! Gets mails out of the house: to a mail server, or into files where there is none.

mod amount;
mod file;
mod smtp;
mod stationery;
mod template;

use std::future::Future;
use std::io;

use anyhow::Context as _;
use lettre::Message;

use crate::config::MailArgs;

pub use file::Files;
pub use smtp::{BadSmtpUrl, Server, Smtp};
pub use stationery::{Stationery, Unaddressable};

/// Takes mails. `Ok` means taken for good: by the server, or written.
pub trait Mailer: Send + Sync + 'static {
    /// One try. The same `message_id` again is the same mail.
    fn send(&self, mail: &Message, message_id: &str) -> impl Future<Output = Result<(), SendError>> + Send;
}

/// Why a mail was not taken. Never holds the server's own text: it may contain the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The server takes no mail for this address.
    #[error("the address is refused")]
    AddressRefused,
    /// The server does not take this mail.
    #[error("the mail is refused")]
    MessageRefused,
    /// All connections are busy; the server may be well.
    #[error("all connections to the mail server are busy")]
    Busy,
    /// The server, or the disk, is away or ill; says how.
    #[error("{0}")]
    Away(String),
}

impl SendError {
    /// As it is counted.
    pub fn label(&self) -> &'static str {
        match self {
            Self::AddressRefused => "address_refused",
            Self::MessageRefused => "message_refused",
            Self::Busy => "busy",
            Self::Away(_) => "away",
        }
    }
}

/// The way out that is configured.
#[derive(Debug)]
pub enum Transport {
    /// A mail server.
    Smtp(Box<Smtp>),
    /// A folder.
    Files(Files),
}

impl Transport {
    /// Fails for a setting that is wrong; a mail server that is away is not one.
    pub fn open(settings: &MailArgs) -> anyhow::Result<Self> {
        if let Some(url) = &settings.smtp_url {
            let server = Server::parse(url.reveal()).context("--smtp-url (SMTP_URL) is wrong")?;
            tracing::info!(host = %server.host(), port = server.port(), "mails go to a mail server");
            return Ok(Self::Smtp(Box::new(Smtp::new(server, settings.smtp_connections_max.into()))));
        }
        let directory = &settings.mail_dir;
        let open = |source: io::Error| {
            anyhow::Error::new(source)
                .context(format!("--mail-dir (MAIL_DIR) {} cannot be used", directory.display()))
        };
        let files = Files::open(directory).map_err(open)?;
        tracing::info!(directory = %directory.display(), "mails become files");
        Ok(Self::Files(files))
    }
}

impl Mailer for Transport {
    async fn send(&self, mail: &Message, message_id: &str) -> Result<(), SendError> {
        match self {
            Self::Smtp(smtp) => smtp.send(mail, message_id).await,
            Self::Files(files) => files.send(mail, message_id).await,
        }
    }
}
