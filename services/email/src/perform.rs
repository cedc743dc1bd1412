//! Carries out an intent: looks up how the customer is addressed by now, writes the mail and hands it to the mailer.

use std::sync::Arc;
use std::time::Duration;

use events::EmailFailure;
use kernel::Clock;
use messaging::{Intent, Perform, Retry, StoreError};
use metrics::{Counter, Histogram};
use sqlx::PgPool;
use tokio::time::Instant;
use tracing::{Instrument as _, field};

use crate::consumer::{Concluded, Email};
use crate::domain::{Contact, Letter, Outcome};
use crate::mailer::{Mailer, SendError, Stationery};
use crate::store;

/// A mail for a customer not seen yet is tried again after this long, doubled each time. It is woken when the customer
/// comes; trying again is the net below that.
const UNKNOWN_FIRST: Duration = Duration::from_millis(200);
/// Longest of those waits.
const UNKNOWN_MAX: Duration = Duration::from_secs(5);

/// Makes the calls.
pub struct Sender<M> {
    /// Where customers are looked up.
    pub pool: PgPool,
    /// What takes the mails.
    pub mailer: M,
    /// Sender and Message-IDs.
    pub stationery: Stationery,
    /// For the date on the mail.
    pub clock: Arc<dyn Clock>,
}

impl<M: Mailer> Perform<Email> for Sender<M> {
    async fn perform(&self, intent: &Intent) -> Result<Concluded, Retry> {
        let letter = Letter::deserialize_from(intent)?;
        let outcome = self.send(&letter, intent.attempts).await?;
        Ok(Concluded { letter, outcome })
    }
}

impl<M: Mailer> Sender<M> {
    async fn send(&self, letter: &Letter, attempts: i32) -> Result<Outcome, Retry> {
        // A connection that neither answers nor hangs up would hold the intent, and so the mail, for ever.
        let looked_up = store::contact(&self.pool, letter.customer_id);
        let looked_up = StoreError::in_time("look up a customer in time", looked_up);
        let contact = looked_up.await.map_err(|error| {
            tracing::debug!(%error, "a customer could not be looked up");
            Retry { reason: "the customer cannot be looked up".to_owned(), after: None, outage: false }
        })?;
        match contact {
            Contact::Unknown => {
                let reason = "the customer is not known yet".to_owned();
                Err(Retry { reason, after: Some(unknown_wait(attempts)), outage: false })
            }
            Contact::Erased => Ok(Outcome::Failed(EmailFailure::CustomerErased)),
            Contact::Known { name, email } => {
                let Ok(mail) = self.stationery.write(letter, &name, &email, self.clock.now()) else {
                    return Ok(Outcome::Failed(EmailFailure::AddressRefused));
                };
                self.call(letter, &mail).await
            }
        }
    }

    async fn call(&self, letter: &Letter, mail: &lettre::Message) -> Result<Outcome, Retry> {
        let message_id = self.stationery.message_id(letter);
        let started = Instant::now();
        let span = tracing::info_span!(
            "mailer",
            otel.name = format!("send {}", letter.kind().name()),
            otel.kind = "client",
            otel.status_code = field::Empty,
            service.name = "email",
            network.protocol.name = "smtp",
            error.type = field::Empty,
        );
        let answer = self.mailer.send(mail, &message_id).instrument(span.clone()).await;
        let outcome = answer.as_ref().map_or_else(SendError::label, |()| "sent");
        if answer.is_err() {
            span.record("error.type", outcome);
            span.record("otel.status_code", "ERROR");
        }
        calls(outcome).increment(1);
        took().record(started.elapsed());
        match answer {
            Ok(()) => Ok(Outcome::Sent { message_id }),
            Err(SendError::AddressRefused) => Ok(Outcome::Failed(EmailFailure::AddressRefused)),
            Err(SendError::MessageRefused) => Ok(Outcome::Failed(EmailFailure::MessageRefused)),
            Err(error @ SendError::Busy) => {
                Err(Retry { reason: error.to_string(), after: None, outage: false })
            }
            Err(error @ SendError::Away(_)) => {
                Err(Retry { reason: error.to_string(), after: None, outage: true })
            }
        }
    }
}

/// Shows at zero what may come to be counted: a rate begins with the first, not with the second.
pub fn register_metrics() {
    metrics::describe_counter!("smtp_calls_total", "Mails handed to the mail server, or written.");
    metrics::describe_histogram!("smtp_call_duration_seconds", "Time that takes.");
    for outcome in ["sent", "address_refused", "message_refused", "busy", "away"] {
        calls(outcome).increment(0);
    }
    let _shown = took();
}

fn calls(outcome: &'static str) -> Counter {
    metrics::counter!("smtp_calls_total", "service" => "email", "outcome" => outcome)
}

fn took() -> Histogram {
    metrics::histogram!("smtp_call_duration_seconds", "service" => "email")
}

impl Letter {
    /// What the consumer stored. Should a build not read it, the mail waits for one that does: it is not lost.
    /// The letter an intent is about.
    pub fn deserialize_from(intent: &Intent) -> Result<Self, Retry> {
        serde_json::from_value(intent.payload.clone()).map_err(|error| {
            tracing::error!(intent = intent.id, %error, "an intent of another build cannot be read");
            Retry {
                reason: "the letter cannot be read by this build".to_owned(),
                after: Some(UNKNOWN_MAX),
                outage: false,
            }
        })
    }
}

fn unknown_wait(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(10);
    UNKNOWN_FIRST.saturating_mul(1 << doublings).min(UNKNOWN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_for_an_unknown_customer_grows_and_is_capped() {
        assert_eq!(unknown_wait(1), UNKNOWN_FIRST);
        assert_eq!(unknown_wait(3), UNKNOWN_FIRST * 4);
        assert_eq!([unknown_wait(0), unknown_wait(i32::MIN)], [UNKNOWN_FIRST; 2]);
        assert_eq!(unknown_wait(i32::MAX), UNKNOWN_MAX);
    }
}
