//! A mail server: lettre's connections, a few kept open, and the dialogue step by step: only at `RCPT` does a refusal mean the
//! address, only behind `DATA` the mail; a refusal anywhere else means us, and the mail waits until that is mended.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::{Error, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use percent_encoding::percent_decode_str;
use tokio::sync::Semaphore;
use url::Url;

use super::{Mailer, SendError};

/// How long one mail may take, waiting for a free connection included.
const CALL_WITHIN: Duration = Duration::from_secs(5);

/// A mail server and the open connections to it.
pub struct Smtp {
    server: Server,
    hello: ClientId,
    within: Duration,
    slots: Semaphore,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

/// Where a mail server is and how to speak to it.
pub struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
}

#[derive(Clone)]
enum Encryption {
    None,
    Opportunistic(TlsParameters),
    Required(TlsParameters),
    Wrapped(TlsParameters),
}

/// The text is no address of a mail server; it is not shown, for it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected smtp://[user:password@]host[:port][?tls=required|opportunistic] or smtps://[user:password@]host[:port]"
)]
pub struct BadSmtpUrl;

impl Server {
    /// The only way in.
    pub fn parse(text: &str) -> Result<Self, BadSmtpUrl> {
        let url = Url::parse(text).map_err(|_| BadSmtpUrl)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(BadSmtpUrl)?;
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(BadSmtpUrl);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = || TlsParameters::new(host.clone()).map_err(|_| BadSmtpUrl);
        let (port, encryption) = match (url.scheme(), url.query()) {
            ("smtp", None) => (SMTP_PORT, Encryption::None),
            ("smtp", Some("tls=opportunistic")) => (SUBMISSION_PORT, Encryption::Opportunistic(tls()?)),
            ("smtp", Some("tls=required")) => (SUBMISSION_PORT, Encryption::Required(tls()?)),
            ("smtps", None) => (SUBMISSIONS_PORT, Encryption::Wrapped(tls()?)),
            _ => return Err(BadSmtpUrl),
        };
        let decoded =
            |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| BadSmtpUrl);
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => {
                Some(Credentials::new(decoded(user)?, decoded(password)?))
            }
            _ => return Err(BadSmtpUrl),
        };
        let port = url.port().unwrap_or(port);
        Ok(Self { host, port, encryption, credentials })
    }

    /// Name or address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("host", &self.server.host)
            .field("port", &self.server.port)
            .finish_non_exhaustive()
    }
}

impl Smtp {
    /// Nothing is connected yet.
    pub fn new(server: Server, connections_max: usize) -> Self {
        Self {
            server,
            hello: ClientId::default(),
            within: CALL_WITHIN,
            slots: Semaphore::new(connections_max),
            idle: Mutex::default(),
        }
    }

    /// Another bound than 5 s for one mail.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }

    async fn deliver(&self, mail: &Message) -> Result<(), SendError> {
        let mut connection = self.begin(mail).await?;
        for recipient in mail.envelope().to() {
            if let Err(error) = connection.command(Rcpt::new(recipient.clone(), vec![])).await {
                return Err(self.refused(connection, &error, "RCPT", SendError::AddressRefused).await);
            }
        }
        if let Err(error) = connection.command(Data).await {
            return Err(self.refused(connection, &error, "DATA", SendError::MessageRefused).await);
        }
        match connection.message(&mail.formatted()).await {
            Ok(_) => {
                self.keep(connection);
                Ok(())
            }
            Err(error) => Err(self.refused(connection, &error, "the mail", SendError::MessageRefused).await),
        }
    }

    /// A connection that has taken `MAIL`. One that was kept may have been closed by the server in the meantime.
    async fn begin(&self, mail: &Message) -> Result<AsyncSmtpConnection, SendError> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut kept) = kept
            && kept.command(sender(mail, &kept)?).await.is_ok()
        {
            return Ok(kept);
        }
        let mut fresh = self.connect().await.map_err(|error| away("connecting", &error))?;
        let command = sender(mail, &fresh)?;
        fresh.command(command).await.map_err(|error| away("MAIL", &error))?;
        Ok(fresh)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let Server { host, port, encryption, credentials } = &self.server;
        let wrapped = if let Encryption::Wrapped(tls) = encryption { Some(tls.clone()) } else { None };
        let address = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, Some(self.within), &self.hello, wrapped, None)
                .await?;
        match encryption {
            Encryption::Opportunistic(tls) if connection.can_starttls() => {
                connection.starttls(tls.clone(), &self.hello).await?;
            }
            Encryption::Required(tls) => connection.starttls(tls.clone(), &self.hello).await?,
            Encryption::None | Encryption::Opportunistic(_) | Encryption::Wrapped(_) => {}
        }
        if let Some(credentials) = credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    /// What a refusal in this step means, and whether the connection is of further use.
    async fn refused(
        &self,
        mut connection: AsyncSmtpConnection,
        error: &Error,
        step: &str,
        for_good: SendError,
    ) -> SendError {
        if error.status().is_some() && connection.command(Rset).await.is_ok() {
            self.keep(connection);
        }
        if error.is_permanent() && !is_about_us(error) { for_good } else { away(step, error) }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

impl Mailer for Smtp {
    async fn send(&self, mail: &Message, _: &str) -> Result<(), SendError> {
        let deadline = tokio::time::Instant::now() + self.within;
        let Ok(Ok(_slot)) = tokio::time::timeout_at(deadline, self.slots.acquire()).await else {
            return Err(SendError::Busy);
        };
        // What is cut off here is closed, never kept.
        match tokio::time::timeout_at(deadline, self.deliver(mail)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                Err(SendError::Away(format!("the mail server did not answer within {:?}", self.within)))
            }
        }
    }
}

fn sender(mail: &Message, connection: &AsyncSmtpConnection) -> Result<Mail, SendError> {
    let mut parameters = Vec::new();
    if mail.envelope().to().iter().any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(SendError::AddressRefused);
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    Ok(Mail::new(mail.envelope().from().cloned(), parameters))
}

/// Syntax, sequence and authentication: a mistake in how we speak or are set up, whoever the mail is for.
fn is_about_us(error: &Error) -> bool {
    error.status().is_some_and(|code| matches!(u16::from(code), 500..=504 | 530 | 534 | 535 | 538))
}

fn away(step: &str, error: &Error) -> SendError {
    SendError::Away(match error.status() {
        Some(code) => format!("the mail server answers {} to {step}", u16::from(code)),
        None if error.is_timeout() => format!("the mail server does not answer to {step}"),
        None if error.is_tls() => "the mail server's certificate or TLS is not accepted".to_owned(),
        None => format!("the mail server cannot be reached ({step})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_mail_server_is_read_whole_or_refused() {
        let server = Server::parse("smtp://127.0.0.1:1025").unwrap();
        assert_eq!((server.host(), server.port()), ("127.0.0.1", 1025));
        assert_eq!(Server::parse("smtp://mail.example?tls=required").unwrap().port(), SUBMISSION_PORT);
        assert_eq!(Server::parse("smtps://us%40er:p%2Fw@mail.example").unwrap().port(), SUBMISSIONS_PORT);
        for bad in [
            "",
            "mail.example:25",
            "http://mail.example",
            "smtp://",
            "smtp://h?tls=yes",
            "smtp://h/x",
            "smtp://user@h",
        ] {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
    }
}
